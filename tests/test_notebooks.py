"""The committed notebooks: their form, and that their outputs are what a run gives."""

from __future__ import annotations

import itertools
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from byoc_helpers import authoring, kernels, sandbox
from byoc_helpers.chapters import CHAPTERS, NOTEBOOKS, TEARDOWN
from byoc_helpers.params import load

ROOT = Path(__file__).resolve().parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path):
    return nbformat.read(path, as_version=4)


def code(notebook) -> list[str]:
    return [c.source for c in notebook.cells if c.cell_type == "code" and "parameters" not in c.metadata.get("tags", [])]


def test_there_is_a_notebook_for_each_chapter():
    assert [p.stem for p in PATHS] == [c.name for c in NOTEBOOKS]


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
class TestForm:
    def test_is_valid_and_carries_nothing_of_a_machine(self, path):
        notebook = read(path)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec == {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        assert set(notebook.metadata) == {"kernelspec", "language_info"} and notebook.metadata.language_info == {"name": "python"}
        text = path.read_text("utf-8")
        assert not re.search(r"/(home|root|tmp|work|Users)/|127\.0\.0\.1|localhost", text)

    def test_has_more_prose_than_code_and_short_cells(self, path):
        notebook = read(path)
        cells = code(notebook)
        assert statistics.median(len(c.splitlines()) for c in cells) <= 3
        assert max(len(c.splitlines()) for c in cells) <= 15
        assert sum(c.cell_type == "markdown" for c in notebook.cells) >= sum(c.cell_type == "code" for c in notebook.cells)

    def test_has_one_heading_and_no_magics(self, path):
        notebook = read(path)
        prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1
        assert not any(re.search(r"^\s*[%!]", c, re.MULTILINE) for c in code(notebook))

    def test_every_code_cell_has_prose_before_it(self, path):
        kinds = [c.cell_type for c in read(path).cells]
        assert all(before == "markdown" for before, kind in itertools.pairwise(kinds) if kind == "code")

    def test_links_lead_somewhere(self, path):
        prose = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
            assert (path.parent / target).exists(), target

    def test_has_run_and_shows_a_table(self, path):
        outputs = [o for c in read(path).cells for o in c.get("outputs", [])]
        assert not [o for o in outputs if o.output_type in ("error", "stream")]
        assert any("<table" in o.get("data", {}).get("text/html", "") for o in outputs)

    def test_parameters_are_the_models(self, path):
        chapter = next(c for c in NOTEBOOKS if c.name == path.stem)
        cell = next(c for c in read(path).cells if "parameters" in c.metadata.get("tags", []))
        assert cell.source == authoring.parameters_cell(chapter, load(ROOT / "params" / "demo.yaml")), "run `make notebooks`"
        assert all(len(re.findall(r"(?<![=!<>])=(?!=)", line)) == 1 for line in cell.source.splitlines())

    def test_papermill_sees_every_parameter_with_its_meaning(self, path):
        chapter = next(c for c in NOTEBOOKS if c.name == path.stem)
        seen = papermill.inspect_notebook(str(path))
        assert list(seen) == list(chapter.fields)
        assert all(p["help"] and p["inferred_type_name"] != "None" for p in seen.values())


CHAPTER_PATHS = [p for p in PATHS if p.stem in {c.name for c in (*CHAPTERS, TEARDOWN)}]


def prose_of(path: Path) -> str:
    return "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")


@pytest.mark.parametrize("path", CHAPTER_PATHS, ids=lambda p: p.stem)
class TestChapter:
    def test_says_where_it_is_on_the_map_and_leads_on(self, path):
        title, last = read(path).cells[0].source, read(path).cells[-1].source
        way = [PATHS[0], *CHAPTER_PATHS]
        i = way.index(path)
        around = [way[i - 1], *way[i + 1:i + 2]]
        (line,) = [one for one in title.splitlines() if one.startswith("**On the map:**")]
        assert all(f"({p.name})" in line for p in way if p != path) and f"({path.name})" not in line
        assert last.startswith("## Onward and back") and all(f"({p.name})" in last for p in around)

    def test_shows_its_plan_and_asks_before_it_changes_anything(self, path):
        cells = code(read(path))
        chapter = next(c for c in NOTEBOOKS if c.name == path.stem)
        if chapter.kinds:
            first = next(i for i, c in enumerate(cells) if "run.apply(" in c)
            assert cells.index("run.plan()") < cells.index("run.confirm()") < first
            assert [kind for kind in chapter.kinds if f'run.apply("{kind}")' not in cells] == []

    def test_ends_with_a_checkpoint_and_an_exercise(self, path):
        ids = [c.id for c in read(path).cells]
        assert {"checkpoint", "exercise", "next"} <= set(ids) and "run.checkpoint()" in code(read(path))

    def test_its_prose_is_markdown_but_for_the_folded_answer(self, path):
        plain = re.sub(r"```.*?```|`[^`]*`", "", prose_of(path), flags=re.DOTALL)
        assert set(re.findall(r"</?([a-z]\w*)", plain)) == {"details", "summary"}


def test_nbval_finds_the_outputs_that_are_committed(tmp_path):
    """Strict nbval on a fresh copy of the practice clouds, chapters in order."""
    environment = {**os.environ, "BYOC_SANDBOX_HOME": str(tmp_path), "BYOC_SANDBOX_FIXED": "1",
                   "BYOC_DESTROY": load(ROOT / "params" / "demo.yaml").partner, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    if kernels.available():  # as a batch starts them; plain ones take ten times as long, and papermill's own test has those
        spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "x", "language": "python",
                "metadata": {"kernel_provisioner": {"provisioner_name": "byoc-fork"}}}
        (tmp_path / "kernels" / "python3").mkdir(parents=True)
        (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec), "utf-8")
        environment["JUPYTER_PATH"] = str(tmp_path)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=", *map(str, PATHS)],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)
    finally:
        _stop(tmp_path)


def _stop(home: Path) -> None:
    before = os.environ.get("BYOC_SANDBOX_HOME")
    os.environ["BYOC_SANDBOX_HOME"] = str(home)
    try:
        sandbox.stop()
    finally:
        if before:
            os.environ["BYOC_SANDBOX_HOME"] = before
