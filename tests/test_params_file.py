"""`params_file` in a parameters cell: by hand, a file's values in place of the example's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from byoc_helpers import open_chapter
from byoc_helpers.authoring import parameters_cell
from byoc_helpers.chapters import CHAPTERS, find_chapter
from byoc_helpers.exceptions import ParamsError
from byoc_helpers.params import load, schema

ROOT = Path(__file__).resolve().parent.parent
SECOND = ROOT / "tests" / "data" / "second.yaml"


def cell(chapter: str, **edited: object) -> dict[str, object]:
    """What a chapter's committed parameters cell leaves in the notebook's names, with some lines edited."""
    names: dict[str, object] = {}
    exec(parameters_cell(find_chapter(chapter), load(ROOT / "params" / "demo.yaml")), names)  # noqa: S102
    return {key: value for key, value in names.items() if not key.startswith("__")} | edited


def given(**values: object) -> dict[str, object]:
    """The same, as papermill's injected cell leaves it."""
    lines = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    return {**values, "In": ["", "the parameters cell", f"# Parameters\n{lines}"]}


@pytest.mark.parametrize("chapter", [c.name for c in CHAPTERS])
def test_a_chapter_takes_every_value_from_the_file(chapter):
    run = open_chapter(chapter, cell(chapter, params_file=str(SECOND)))
    assert run.params == load(SECOND).model_copy(update={"params_file": str(SECOND)})


def test_the_table_shows_the_values_used_and_their_file():
    table = open_chapter("02_location_site", cell("02", params_file=str(SECOND))).parameters()
    values = {row[0]: row[1] for row in table.rows}
    assert (values["site_name"], values["postal_code"], values["params_file"]) == ("Zweigstelle 'Süd' <Köln>", "01067", str(SECOND))
    assert table.caption.endswith(f", from {SECOND}")


def test_without_a_file_nothing_is_different():
    run = open_chapter("02_location_site", cell("02"))
    assert run.params.site_name == "Paris Office" and "params_file" not in [row[0] for row in run.parameters().rows]
    assert "from" not in run.parameters().caption


def test_what_a_file_leaves_out_is_its_default_not_the_examples(tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text("\n".join(line for line in SECOND.read_text("utf-8").splitlines() if not line.startswith("caller_name")), "utf-8")
    assert open_chapter("04_byoc_trunk", cell("04", params_file=str(path))).params.caller_name == ""


def test_a_path_counts_from_the_project_where_the_notebook_has_no_such_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = open_chapter("01_precheck", cell("01", params_file="params/demo.yaml"))
    assert run.params.partner == "PartnerABC"
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "demo.yaml").write_text(SECOND.read_text("utf-8"), "utf-8")
    assert open_chapter("01_precheck", cell("01", params_file="params/demo.yaml")).params.partner == load(SECOND).partner


def test_an_edited_line_is_refused_not_lost():
    with pytest.raises(ParamsError) as error:
        open_chapter("02_location_site", cell("02", params_file=str(SECOND), site_name="Lyon Office", number_plans=[]))
    assert [f"{key} was edited here" in problem for key, problem in zip(("site_name", "number_plans"), error.value.problems, strict=True)]
    assert all("put the line here back, or empty params_file" in problem for problem in error.value.problems)


def test_a_line_edited_to_what_the_file_says_is_no_trouble():
    second = load(SECOND)
    run = open_chapter("02_location_site", cell("02", params_file=str(SECOND), site_name=second.site_name, mode=second.mode))
    assert run.params.site_name == second.site_name


def test_a_secret_in_an_edited_line_is_not_repeated():
    with pytest.raises(ParamsError) as error:
        open_chapter("04_byoc_trunk", cell("04", params_file=str(SECOND), digest_password="PCTrunkPassword2018"))
    assert "digest_password was edited here" in str(error.value) and "PCTrunkPassword2018" not in str(error.value)


def test_what_papermill_gave_beats_the_file():
    names = cell("02") | given(params_file=str(SECOND), mode="plan", site_name="Another site")
    run = open_chapter("02_location_site", names)
    assert (run.planning, run.params.site_name, run.params.city) == (True, "Another site", "Köln")


def test_a_file_left_in_a_notebook_does_not_mix_with_another_partners_run():
    names = cell("02", params_file=str(SECOND)) | given(partner="Acme", site_name="Acme HQ")
    with pytest.raises(ParamsError, match=r"are of Acme\. Empty params_file in the notebook"):
        open_chapter("02_location_site", names)


def test_the_same_partners_run_is_not_hindered():
    names = cell("02", params_file=str(SECOND)) | given(partner=load(SECOND).partner, site_name="Given")
    assert open_chapter("02_location_site", names).params.site_name == "Given"


def test_a_file_that_is_wrong_or_not_there_is_a_sentence(tmp_path):
    with pytest.raises(ParamsError, match=r"nobody\.yaml: this file can't be read"):
        open_chapter("01_precheck", cell("01", params_file="params/nobody.yaml"))
    path = tmp_path / "bad.yaml"
    path.write_text(SECOND.read_text("utf-8").replace('"01067"', "01067"), "utf-8")
    with pytest.raises(ParamsError, match="Quote it"):
        open_chapter("01_precheck", cell("01", params_file=str(path)))
    with pytest.raises(ParamsError, match="params_file"):
        open_chapter("01_precheck", cell("01", params_file=7))


def test_a_params_file_names_no_other(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(SECOND.read_text("utf-8") + 'params_file: "params/demo.yaml"\n', "utf-8")
    with pytest.raises(ParamsError, match="a params file can't name another"):
        load(path)
    assert "params_file" not in schema()["properties"] and "params_file" not in json.dumps(schema()["required"])
