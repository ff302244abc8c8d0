"""A big batch: every record verifies, nothing of one partner is in another's, and nothing grows with the number of partners.

An ordinary test run takes six partners; `make survive` (BYOC_TEST_FULL=1) two hundred.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DEMO = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))
FULL = bool(os.environ.get("BYOC_TEST_FULL"))
COUNT = 200 if FULL else 6
OWN = re.compile(r"Crowd (\d+)\b|crowd-?(\d+)x|\+3361234(\d{4})|Crowd(\d+)Secretz")


def values(n):
    number = f"+3361234{n:04d}"
    return DEMO | {"partner": f"Crowd {n}", "identifier": f"crowd{n}x", "termination_domain": f"crowd-{n}x", "phone_numbers": [number],
                   "emergency_number": number, "assignments": [{"number": number, "person": "alice@example.com"}],
                   "digest_password": f"env:CROWD_{n}"}


def command(*arguments):
    return [sys.executable, "-m", "byoc_helpers.cli", *map(str, arguments)]


def watch(run, out, samples, stop):
    """Open files and resident memory (kB) of the batch's process, each time another partner has ended."""
    ended = 0
    while not stop.wait(0.1):
        now = len(list(out.glob("*/*/report.html")))
        if now > ended:
            ended = now
            try:
                files = len(os.listdir(f"/proc/{run.pid}/fd"))
                status = Path(f"/proc/{run.pid}/status").read_text()
            except OSError:
                return
            samples.append((files, int(re.search(r"VmRSS:\s+(\d+)", status)[1])))


def test_each_record_stands_for_its_partner_alone(tmp_path, monkeypatch):
    folder, out = tmp_path / "partners", tmp_path / "out"
    folder.mkdir()
    for n in range(COUNT):
        monkeypatch.setenv(f"CROWD_{n}", f"Crowd{n}Secretz")
        (folder / f"{n:03}.yaml").write_text(yaml.safe_dump(values(n), allow_unicode=True), "utf-8")
    run = subprocess.Popen(command("run", folder, "--out", out, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    samples, stop = [], threading.Event()
    watcher = threading.Thread(target=watch, args=(run, out, samples, stop))
    watcher.start()
    said, errors = run.communicate()
    stop.set()
    watcher.join()
    results = json.loads(said)
    assert [r for r in results if r["status"] != "passed"] == [], errors[-1000:]
    assert (run.returncode, [r["partner"] for r in results]) == (0, [f"Crowd {n}" for n in range(COUNT)])

    checked = subprocess.run(command("verify", out), capture_output=True, text=True, cwd=ROOT, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    searched = 0
    for n, result in enumerate(results):
        for path in sorted(p for p in Path(result["record"]).rglob("*") if p.is_file()):
            text = path.read_bytes().decode("utf-8")
            assert {int(next(filter(None, found))) for found in OWN.findall(text)} <= {n}, path
            assert f"Crowd{n}Secretz" not in text, path
            searched += 1
    assert searched >= COUNT * 11  # eight notebooks, the journal, the manifest, the report

    (page,) = out.glob("index.html")
    assert page.read_text("utf-8").count("<tr") > COUNT

    quarter = len(samples) // 4
    early, late = samples[quarter:2 * quarter], samples[-quarter:]
    files, memory = ([statistics.median(s[i] for s in part) for part in (early, late)] for i in (0, 1))
    print(f"{COUNT} partners; open files {files}, resident memory {memory} kB, second quarter and last")
    assert files[1] <= files[0] * 1.5 + 10
    assert memory[1] <= memory[0] * 1.2
