"""A known secret never leaves a kernel: not printed, displayed, raised, nor through our engine's saved notebook."""

from __future__ import annotations

import nbformat
import papermill
import pytest

LEAKS = ['print("value", value)', "value", 'raise ValueError(f"bad {value}")', "import sys; print(value, file=sys.stderr)",
         "from IPython.display import HTML; HTML(f'<b>{value}</b>')", "import ipywidgets; ipywidgets.Password(value=value)"]
SECRET = "Qx7HiddenSecretValue"


@pytest.mark.parametrize("engine", [None, "byoc"])
@pytest.mark.parametrize("leak", LEAKS, ids=lambda s: s[:24])
def test_a_leak_is_masked(leak, engine, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("LEAKY", SECRET)
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in (
        ("from byoc_helpers.redaction import guard_kernel\nfrom byoc_helpers.secrets import resolve\nassert guard_kernel()\n"
        'value = resolve("env:LEAKY", key="x").reveal()'), leak)]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    try:
        papermill.execute_notebook(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), engine_name=engine, kernel_name="python3", progress_bar=False)
    except papermill.PapermillExecutionError as error:
        assert SECRET not in str(error)
    assert SECRET not in (tmp_path / "out.ipynb").read_text("utf-8")
    assert SECRET not in "".join(capfd.readouterr())


def test_the_engine_masks_what_the_kernel_did_not_know(tmp_path, monkeypatch):
    from byoc_helpers.secrets import remember

    remember("KnownToTheParent1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('print("Known" + "ToTheParent1")')])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), engine_name="byoc", kernel_name="python3", progress_bar=False)
    assert "KnownToTheParent1" not in (tmp_path / "out.ipynb").read_text("utf-8")


SPLIT = """
import os, sys
word = os.environ["LEAKY"]
sys.stdout.write("start " + word[:9]); sys.stdout.flush()
sys.stdout.write(word[9:] + " end "); sys.stdout.flush()
sys.stdout.write("Qx7Hid"); sys.stdout.flush()
"""


@pytest.mark.parametrize("engine", [None, "byoc"])
def test_a_secret_in_two_pieces_of_a_stream(engine, tmp_path, monkeypatch):
    """The kernel holds back what may be the beginning of one; and what only begins like one is not lost."""
    monkeypatch.setenv("LEAKY", SECRET)
    first = 'from byoc_helpers.redaction import guard_kernel\nfrom byoc_helpers.secrets import resolve\nguard_kernel(); resolve("env:LEAKY", key="x");'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (first, SPLIT)])
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), engine_name=engine, kernel_name="python3", progress_bar=False)
    outputs = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs
    assert "".join(o.text for o in outputs) == "start ******** end Qx7Hid"


def test_pieces_that_only_the_parent_knows_are_masked_once_joined(tmp_path, monkeypatch):
    from byoc_helpers.secrets import remember

    remember("JoinedInTheParent1")
    source = 'import sys\nfor piece in ("Joined", "InThe", "Parent1"):\n    sys.stdout.write(piece); sys.stdout.flush()'
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path / "in.ipynb")
    papermill.execute_notebook(str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), engine_name="byoc", kernel_name="python3", progress_bar=False)
    assert "JoinedInTheParent1" not in (tmp_path / "out.ipynb").read_text("utf-8")
