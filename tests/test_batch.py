"""Many partners: side by side, each alone with its secrets and failures; stopped and resumed without loss."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import fsspec
import nbformat
import pytest
import yaml
from orgs import BYOC
from rich.console import Console

from byoc_helpers import batch, kernels
from byoc_helpers.audit import manifest
from byoc_helpers.chapters import CHAPTERS, find_chapter
from byoc_helpers.display.progress import Progress
from byoc_helpers.exceptions import ParamsError, RecordError
from byoc_helpers.partners import load_all
from byoc_helpers.shelf import Shelf

ROOT = Path(__file__).resolve().parent.parent
DEMO = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))
NUMBER = "+331234568{:02d}"


def values(n, **changes):
    number = NUMBER.format(n)
    return DEMO | {"partner": f"Batch {n}", "identifier": f"batch{n}", "termination_domain": f"batch-{n}", "phone_numbers": [number],
                   "emergency_number": number, "assignments": [{"number": number, "person": "alice@example.com"}],
                   "digest_password": f"env:BATCH_{n}"} | changes


def password(n):
    return f"Batch{n}Password{n}aX"


@pytest.fixture
def partners(tmp_path, monkeypatch):
    """Writes n partners' files into a folder; each has its password in a variable of its own."""
    def write(count, **of):
        folder = tmp_path / "partners"
        folder.mkdir()
        for n in range(count):
            monkeypatch.setenv(f"BATCH_{n}", password(n))
            (folder / f"p{n}.yaml").write_text(yaml.safe_dump(values(n, **of.get(f"p{n}", {})), allow_unicode=True), "utf-8")
        return folder
    return write


def texts(folder):
    return {path: path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in (".ipynb", ".jsonl", ".json", ".html")}


def test_side_by_side_a_failing_partner_stops_alone_and_is_resumed(partners, tmp_path):
    folder, out = partners(4, p2={"site_contact": "nobody@example.org"}), tmp_path / "out"
    loaded = load_all([folder])
    (folder / "p2.yaml").write_text(yaml.safe_dump(values(2, edge_site="No such site"), allow_unicode=True), "utf-8")
    spoilt = load_all([folder])
    told, ended = [], []
    results = batch.run_all(spoilt, batch.Run(out), jobs=3, tell=lambda p, e: told.append((p.params.partner, e)), done=ended.append)
    assert [(r.partner, r.status) for r in results] == [("Batch 0", "passed"), ("Batch 1", "passed"), ("Batch 2", "failed"), ("Batch 3", "passed")]
    assert results[2].chapters[-1].chapter == "01_precheck" and len(results[2].chapters) == 1
    assert "No such site" in results[2].chapters[-1].message
    assert {r.partner for r in ended} == {r.partner for r in results} and len(told) == 2 * (3 * len(CHAPTERS) + 1)

    # One login for all chapters, unless kernels can't be forked: then one each.
    logins = [(Path(r.record) / "journal.jsonl").read_text("utf-8").count("/oauth/token") for r in results]
    assert logins == ([1] * 4 if kernels.available() else [len(r.chapters) for r in results])

    # Nothing of one partner is in another's record: neither its names nor its password.
    for n, result in enumerate(results):
        for path, text in texts(Path(result.record)).items():
            assert not [m for m in range(4) if password(m) in text], path
            assert not [m for m in range(4) if m != n and (f"batch{m}" in text or f"Batch {m}" in text or NUMBER.format(m) in text)], path

    again = batch.run_all(loaded, batch.Run(out, resume=True), jobs=3)
    assert [(r.partner, r.status, r.note, [c.chapter for c in r.chapters]) for r in again] == [
        ("Batch 0", "passed", "passed before", []), ("Batch 1", "passed", "passed before", []),
        ("Batch 2", "passed", "", [c.name for c in CHAPTERS]), ("Batch 3", "passed", "passed before", [])]


def test_resuming_begins_at_the_first_chapter_not_passed(partners, tmp_path):
    folder, out = partners(1), tmp_path / "out"
    (partner,) = load_all([folder])
    first = batch.run_partner(partner, batch.Run(out, tuple(find_chapter(n) for n in ("01", "02"))))
    assert first.status == "passed"
    resumed = batch.run_partner(partner, batch.Run(out, CHAPTERS[:4], resume=True))
    assert [c.chapter for c in resumed.chapters] == ["03_twilio", "04_byoc_trunk"]
    # A chapter whose parameters have changed since is not passed.
    (folder / "p0.yaml").write_text(yaml.safe_dump(values(0, caller_name="New"), allow_unicode=True), "utf-8")
    changed = batch.run_partner(load_all([folder])[0], batch.Run(out, CHAPTERS[:5], resume=True))
    assert changed.chapters[0].chapter == "04_byoc_trunk"


def test_a_kernel_sees_its_own_partners_secrets_only(partners, tmp_path, monkeypatch):
    """Not the key that signs its record, nor what the caller of a single partner's run hides, nor what else the caller's environment holds."""
    folder = partners(2)
    for name in ("AWS_SECRET_ACCESS_KEY", "BATCH_OF_ANOTHER_FOLDER", "HTTPS_PROXY", "BATCH_ASKED_FOR"):
        monkeypatch.setenv(name, f"value of {name}")
    monkeypatch.setenv("BYOC_KEEP", "BATCH_ASKED_FOR, BATCH_1")
    monkeypatch.setenv("BATCH_KEY", manifest.new_key()[0].reveal())
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    cells = [nbformat.v4.new_code_cell("partner: str = ''", metadata={"tags": ["parameters"]}),
             nbformat.v4.new_code_cell("import os; print(sorted(k for k in os.environ if k.startswith('BATCH_') or k in ('AWS_SECRET_ACCESS_KEY', 'HTTPS_PROXY')))")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}),
                   notebooks / "01_precheck.ipynb")
    loaded, plan = load_all([folder]), batch.Run(tmp_path / "out", CHAPTERS[:1], notebooks=notebooks, sign="env:BATCH_KEY")
    results = [*batch.run_all(loaded, plan, jobs=2), *batch.run_all(loaded[:1], replace(plan, hidden=frozenset({"BATCH_0", "BATCH_1"})))]
    shown = [nbformat.read(Path(r.record, r.chapters[0].notebook), 4).cells[-1].outputs[0].text for r in results]
    assert shown == [f"['BATCH_{n}', 'BATCH_ASKED_FOR', 'HTTPS_PROXY']\n" for n in (0, 1, 0)]


def test_a_parameter_that_holds_a_secret_is_refused(partners):
    folder = partners(1, p0={"caller_name": password(0)})
    with pytest.raises(ParamsError, match="caller_name: it holds a secret") as error:
        load_all([folder])
    assert password(0) not in str(error.value)


def test_any_executor_will_do(partners, tmp_path):
    """What a cluster needs: partners, the run and its result can be sent to another process."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    folder = partners(2)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        results = batch.run_all(load_all([folder]), batch.Run(tmp_path / "out", CHAPTERS[:2]), executor=pool)
    assert [r.status for r in results] == ["passed", "passed"], results


def test_a_worker_that_dies_ends_its_partners_run_with_a_sentence(partners, tmp_path):
    from concurrent.futures import Executor, Future

    class Broken(Executor):
        def submit(self, function, /, *arguments, **named):
            future = Future()
            future.set_exception(RuntimeError("worker lost"))
            return future

    (result,) = batch.run_all(load_all([partners(1)]), batch.Run(tmp_path / "out", CHAPTERS[:1]), executor=Broken())
    assert (result.status, result.message) == ("failed", "The run of Batch 0 broke off: RuntimeError: worker lost. Run it again with --resume.")


# ---------------------------------------------------------------- the partners' files


def test_a_row_a_partner(tmp_path, monkeypatch):
    (tmp_path / "acme.common.yaml").write_text(yaml.safe_dump(
        {k: v for k, v in DEMO.items() if k not in ("partner", "identifier", "termination_domain", "phone_numbers", "emergency_number", "assignments")},
        allow_unicode=True), "utf-8")
    rows = ["partner;identifier;termination_domain;phone_numbers;emergency_number;adopt;sip_port;assignments",
            'Acme;acme;acme-trunk;+33123456700 ; +33123456700;yes;5060;"[{number: ""+33123456700"", person: a@example.com}]"',
            "", 'Globex;globex;globex-trunk;"+33123456701;+33123456702";+33123456701;;;']
    (tmp_path / "acme.csv").write_text("\ufeff" + "\n".join(rows), "utf-8")
    acme, globex = load_all([tmp_path])
    assert (acme.params.partner, acme.params.adopt, acme.params.phone_numbers) == ("Acme", True, ["+33123456700"])
    assert acme.params.assignments[0].person == "a@example.com" and acme.raw["assignments"][0]["number"] == "+33123456700"
    assert globex.params.phone_numbers == ["+33123456701", "+33123456702"] and globex.source.endswith("acme.csv, line 4")


@pytest.mark.parametrize(("text", "said"), [
    ("", "the first line must name the parameters"),
    ("identifier\nx", "and partner among them"),
    ("partner,partner\nx,y", "names a parameter twice"),
    ("partner,identifier\nA,b,c", "line 2: the line has 3 cells, the first line 2"),
    ('partner,identifier\n"A,b', "this is not CSV"),
    ("partner,identifer\nA,b", "Did you mean identifier"),
    ("partner,phone_numbers\nA,0123456789", "must be in E.164 form"),
    ("partner,assignments\nA,[{", "assignments is not YAML"),
])
def test_what_is_wrong_in_a_table_is_said_with_its_line(text, said, tmp_path):
    (tmp_path / "p.csv").write_text(text, "utf-8")
    with pytest.raises(ParamsError) as caught:
        load_all([tmp_path / "p.csv"])
    assert said in str(caught.value) and "p.csv" in str(caught.value)


@pytest.mark.parametrize(("changes", "said"), [
    ({"partner": "Batch 0"}, 'partner "Batch 0" is also in'), ({"identifier": "BATCH0"}, 'identifier "BATCH0" is also in'),
    ({"termination_domain": "batch-0"}, 'termination_domain "batch-0" is also in'),
    ({"phone_numbers": ["+33123456801", "+33123456800"]}, 'phone_numbers "+33123456800" is also in'),
])
def test_what_two_partners_cannot_share(changes, said, partners):
    with pytest.raises(ParamsError, match="p1.yaml: " + said.replace("+", r"\+")):
        load_all([partners(2, p1=changes)])


# ---------------------------------------------------------------- the record, whatever happens


def test_plain_kernels_import_nothing_from_here_and_their_words_are_masked(partners, tmp_path, monkeypatch, capfd):
    """Where forking isn't offered."""
    monkeypatch.setattr(kernels, "available", lambda: False)
    importlib.import_module("papermill")
    monkeypatch.setattr("byoc_helpers.engine.forkable", lambda: False)
    here, notebooks = tmp_path / "here", tmp_path / "notebooks"
    here.mkdir()
    notebooks.mkdir()
    for name in ("phonenumbers.py", "pandas.py"):
        (here / name).write_text("open('was_here', 'w')")
    monkeypatch.chdir(here)
    cells = [nbformat.v4.new_code_cell("partner: str = ''", metadata={"tags": ["parameters"]}),
             nbformat.v4.new_code_cell("import os, byoc_helpers, phonenumbers, pandas\n"
                                       f"os.write(2, ('x ' + os.environ['BATCH_0'] + ' Authorization: Bearer {'abc' * 9}\\n').encode())")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}),
                   notebooks / "01_precheck.ipynb")
    (result,) = batch.run_all(load_all([partners(1)]), batch.Run(tmp_path / "out", CHAPTERS[:1], notebooks=notebooks))
    assert (result.status, result.chapters[0].message) == ("passed", "") and {p.name for p in here.iterdir()} == {"phonenumbers.py", "pandas.py"}
    deadline, said = time.monotonic() + 20, ""
    while "Authorization" not in said and time.monotonic() < deadline:
        time.sleep(0.05)
        said += capfd.readouterr().err
    assert "x ******** Authorization: Bearer ********" in said and password(0) not in said


def test_a_key_that_cannot_sign_leaves_no_record(partners, tmp_path, monkeypatch):
    monkeypatch.setenv("BATCH_KEY", "no key at all, though long")
    loaded = load_all([partners(1)])
    for out in (tmp_path / "out", "memory://batch-no-key"):
        result = batch.run_all(loaded, batch.Run(out, CHAPTERS[:1], sign="env:BATCH_KEY"))[0]
        assert (result.status, result.chapters) == ("failed", ()) and "no Ed25519 private key" in result.message
    assert not [p for p in (tmp_path / "out" / loaded[0].params.slug).iterdir() if p.is_dir()]


def test_a_store_that_fails_leaves_the_record_here(tmp_path, monkeypatch):
    """It is the only copy of what was done."""
    fs = fsspec.filesystem("memory")
    shelf, full = Shelf("memory://batch-full"), []

    def pipe(path, value, **_):
        if full:
            raise OSError("quota exceeded")
        full.append(path)

    monkeypatch.setattr(type(fs), "pipe_file", lambda self, path, value, **more: pipe(path, value))
    with pytest.raises(RecordError, match=r"quota exceeded.*The record, as far as it goes, is kept in (\S+)\.") as error, shelf.new("a") as folder:
        (folder / "journal.jsonl").write_text("one call\n")
        (folder / "01.ipynb").write_text("{}")
    kept = Path(re.search(r"kept in (\S+)\.$", str(error.value))[1])
    assert {f.name for f in kept.iterdir()} == {"journal.jsonl", "01.ipynb"} and kept == folder
    full.clear()
    monkeypatch.undo()
    with shelf.new("a") as folder:
        (folder / "journal.jsonl").write_text("one call\n")
    assert not folder.parent.exists()


def test_a_folder_that_cannot_be_written(partners, tmp_path):
    (tmp_path / "out").write_text("a file, not a folder")
    (result,) = batch.run_all(load_all([partners(1)]), batch.Run(tmp_path / "out"))
    assert result.status == "failed" and "The record can't be written to" in result.message and "--out" in result.message


def test_a_disk_that_fills_up_leaves_whole_notebooks(partners, tmp_path, monkeypatch):
    import papermill.iorw

    left, write = iter(range(3)), papermill.iorw.LocalHandler.write

    def filling(self, buffer, path):
        if next(left, None) is None:
            Path(path).write_text(buffer[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, buffer, path)

    monkeypatch.setattr(papermill.iorw.LocalHandler, "write", filling)
    (partner,) = load_all([partners(1)])
    result = batch.run_partner(partner, batch.Run(tmp_path / "out"))
    assert result.status == "failed" and "No space left on device" in result.message and "Make room" in result.message
    for notebook in (tmp_path / "out").rglob("*.ipynb"):
        nbformat.validate(nbformat.read(notebook, 4))


def test_ctrl_c_stops_cleanly_and_resume_goes_on(partners, tmp_path):
    folder, out = partners(3), tmp_path / "out"
    command = [*BYOC, "run", str(folder), "--out", str(out), "--jobs", "2"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    for _ in range(600):
        if list(out.rglob("03_*.ipynb")):
            break
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert said.count("interrupted") == 3 and "Traceback" not in errors
    for notebook in out.rglob("*.ipynb"):
        nbformat.validate(nbformat.read(notebook, 4))
    done = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert all("01_precheck" not in [c["chapter"] for c in p["chapters"]] for p in json.loads(done.stdout)[:2])


def test_a_kernel_that_does_not_hear_ctrl_c_is_ended(partners, tmp_path):
    """As happens to one that is interrupted between two cells: it would never answer again."""
    notebooks, began = tmp_path / "notebooks", tmp_path / "began"
    notebooks.mkdir()
    source = f"import pathlib, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\npathlib.Path({str(began)!r}).touch()\ntime.sleep(120)"
    cells = [nbformat.v4.new_code_cell("partner: str = ''", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}),
                   notebooks / "01_precheck.ipynb")
    (partner,) = load_all([partners(1)])
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(batch.run_partner, partner, batch.Run(tmp_path / "out", CHAPTERS[:1], notebooks=notebooks), stopped=began.exists)
        while not began.exists() and not running.done():
            time.sleep(0.02)
        importlib.import_module("byoc_helpers.engine").interrupt_all(grace=0.2)
        result = running.result()
    assert result.status == "interrupted" and result.chapters[0].message == batch.STOPPED
    assert nbformat.read(Path(result.record, "01_precheck.ipynb"), 4).metadata.papermill.exception is True  # no --resume leaves it out


# ---------------------------------------------------------------- the progress


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_on_a_terminal_and_elsewhere(terminal, partners):
    loaded = load_all([partners(2, p1={"caller_name": "[red]x"})])
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120)
    chapter = CHAPTERS[0]
    passed = batch.ChapterResult(chapter.name, chapter.title, "passed", 1.0, "x", {"passed": 11})
    failed = batch.ChapterResult(chapter.name, chapter.title, "failed", 1.0, "x", {}, "It [bold]failed[/] here.")
    with Progress(loaded, CHAPTERS, console) as progress:
        for partner, end in zip(loaded, (passed, failed), strict=True):
            progress.tell(partner, chapter)
            progress.tell(partner, end)
            progress.done(batch.PartnerResult(partner.params.partner, "x", (end,)))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    assert "It [bold]failed[/] here." in text and "Batch 1: " in text
    assert ("Batch 0: ✔ 01_precheck" in text) is not terminal
