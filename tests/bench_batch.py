"""How much faster batches are than papermill alone, in one run on one machine: `make bench`.

    python tests/bench_batch.py --partners 40 --plain 4

`--plain` is how many partners the loop of `papermill` commands runs, two at a time: its time grows with their number, so it is
taken per partner. Every partner is a practice org of its own; what the practice clouds show late comes after 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DEMO = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))


def write(folder: Path, word: str, count: int) -> list[Path]:
    """Params files of `count` partners nobody has used."""
    folder.mkdir(parents=True)
    paths = []
    for n in range(count):
        number = f"+3312345{n:04d}"
        own = {"partner": f"{word} {n}", "identifier": f"{word}{n}", "termination_domain": f"{word}-{n}", "phone_numbers": [number],
               "emergency_number": number, "assignments": [{"number": number, "person": "alice@example.com"}]}
        paths.append(folder / f"{word}{n}.yaml")
        paths[-1].write_text(yaml.safe_dump(DEMO | own, allow_unicode=True), "utf-8")
    return paths


def plain(path: Path, out: Path) -> None:
    """Chapter after chapter with papermill's own command and engine."""
    from byoc_helpers.chapters import CHAPTERS

    for chapter in CHAPTERS:
        subprocess.run([BIN / "papermill", ROOT / "notebooks" / f"{chapter.name}.ipynb", out / f"{path.stem}-{chapter.name}.ipynb",
                        "-f", path, "--no-progress-bar", "--log-level", "ERROR"], check=True, cwd=ROOT)


def ours(paths: list[Path], out: Path, jobs: int) -> None:
    done = subprocess.run([BIN / "byoc", "run", *paths, "--out", out, "--jobs", str(jobs), "--json"], check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"A run failed, so nothing was measured: {[r for r in json.loads(done.stdout) if r['status'] != 'passed']}")


def spent() -> float:
    """CPU seconds of the processes this one has waited for, and of theirs."""
    times = os.times()
    return times.children_user + times.children_system


def listing(runs: Path, home: Path, count: int) -> tuple[float, int]:
    """Seconds to list `count` records, and the page's bytes; the records are copies of one that was made here."""
    from byoc_helpers.audit import index

    said = next(runs.glob("*/*/manifest.json")).read_bytes()
    for n in range(count):
        (record := home / f"partner-{n}" / "2026-01-01T00-00-00Z").mkdir(parents=True)
        (record / "manifest.json").write_bytes(said)
    began = time.perf_counter()
    page = index.write(home)
    return time.perf_counter() - began, page.stat().st_size


def timed(work, *arguments) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def private(pid: int) -> int:
    """Private memory of a process, kB."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(n) for n in re.findall(r"^Private_\w+: +(\d+)", text, re.MULTILINE))


def memory(run: subprocess.Popen, stop: threading.Event) -> list[dict[int, int]]:
    """Private memory, kB, of each kernel of `run` (a child of its child, the nursery) while it goes on, a sample every 100 ms."""
    samples = []
    while not stop.wait(0.1):
        parents = {}
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                parents[int(status.parent.name)] = int(re.search(r"^PPid:\s+(\d+)", status.read_text(), re.MULTILINE)[1])
            except OSError:
                continue
        samples.append({pid: private(pid) for pid, parent in parents.items() if parents.get(parent) == run.pid})
    return samples


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--partners", type=int, default=40)
    asked.add_argument("--plain", type=int, default=4)
    asked.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1))
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        os.environ |= {"BYOC_SANDBOX_HOME": str(folder / "sandbox"), "BYOC_SANDBOX_LATE": "0.05", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        from byoc_helpers import sandbox
        from byoc_helpers.chapters import CHAPTERS

        box = sandbox.ensure_running()
        rows = []
        try:
            (folder / "out").mkdir()
            one = timed(plain, write(folder / "a", "alone", 1)[0], folder / "out")
            mine = timed(ours, write(folder / "b", "swift", 1), folder / "runs", 1)
            rows.append(("one partner, all chapters", f"{one:.1f} s", f"{mine:.1f} s", f"{one / mine:.1f}×"))

            paths = write(folder / "c", "loop", options.plain)

            def two_at_a_time():
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(lambda path: plain(path, folder / "out"), paths))

            loop = timed(two_at_a_time) / options.plain
            many = write(folder / "d", "many", options.partners)
            each = timed(ours, many, folder / "runs", options.jobs) / options.partners
            rows.append((f"{options.partners} partners, per partner", f"{loop:.2f} s", f"{each:.2f} s", f"{loop / each:.1f}×"))

            count = options.partners
            for jobs in sorted({os.cpu_count() or 1, options.jobs}):
                delayed = write(folder / f"e{count}x{jobs}", f"slow{count}x{jobs}x", count)
                box.faults([{"kind": "delay", "seconds": 0.05}])
                before = spent()
                slow, cpu = timed(ours, delayed, folder / "runs", jobs), spent() - before
                box.faults([])
                calls = max(sum(1 for _ in journal.open()) for journal in (folder / "runs").glob(f"slow{count}x{jobs}x-*/*/journal.jsonl"))
                bound = calls * 0.05 * -(-count // jobs)
                rows.append((f"{count} partners, {jobs} at once, 50 ms a call", f"{bound:.1f} s, the bound: {calls} calls one after the other, {-(-count // jobs)} times",
                             f"{slow:.1f} s; its CPU time, spread over all cores: {cpu / (os.cpu_count() or 1):.1f} s", f"{slow / bound:.1f}× the bound"))

            stop = threading.Event()
            held = write(folder / "f", "held", 8)
            run = subprocess.Popen([BIN / "byoc", "run", *held, "--out", folder / "runs", "--jobs", "8"], cwd=ROOT,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with ThreadPoolExecutor(1) as pool:
                watched = pool.submit(memory, run, stop)
                run.wait()
                stop.set()
                samples = [s for s in watched.result() if len(s) > 4]
            peak = max(sum(sample.values()) for sample in samples) / len(held) / 1024
            rows.append(("private memory of all kernels, peak, per partner", "–", f"{peak:.0f} MB", "–"))

            seconds, size = listing(folder / "runs", folder / "thousand", 1000)
            rows.append(("index of 1,000 runs", "–", f"{seconds:.2f} s, {size / 1024:.0f} kB", f"{seconds / one:.3f}× a plain partner"))
        finally:
            sandbox.stop()
        print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {len(CHAPTERS)} chapters, --jobs {options.jobs}\n")
        print("| what | plain papermill | byoc run | ratio |\n|---|---|---|---|")
        for row in rows:
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
