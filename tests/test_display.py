"""Tables escape what a cloud returns, and carry a plain twin."""

from __future__ import annotations

import csv
import io
import re

from orgs import ALL, VERBS, chapter, partner_maker

from byoc_helpers.display.tables import MIME, Table, text


def test_a_cell_is_text_whatever_it_holds():
    html = Table(["<b>"], [['<img src=x onerror="alert(1)">']], "<script>")._repr_html_()
    assert "<img" not in html and "<script" not in html and "<b>" not in html
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in html


def test_every_table_has_a_plain_twin_and_its_data():
    table = Table(["a", "bb"], [["1", "2"], ["333", "4"]], "Caption", {"recap": {"n": 1}})
    assert repr(table) == "Caption\na    bb\n---  --\n1    2\n333  4"
    assert set(table._repr_mimebundle_()) == {"text/plain", "text/html", MIME}
    assert table.frame.to_dict("list") == {"a": ["1", "333"], "bb": ["2", "4"]}


def test_values_as_text():
    assert [text(v) for v in (None, "", True, False, ("a", True), [], 0)] == ["–", "–", "yes", "no", "a, yes", "–", "0"]


def test_whatever_an_org_holds_stays_text_in_every_table():
    """Names that would be HTML or a spreadsheet's formula, in both clouds, through every chapter's tables."""
    bad, formula = '<img src=x onerror=alert(1)>', '=HYPERLINK("http://example.com")'
    params = partner_maker("Escape")(trunk_name=bad, site_name=formula, location_name=bad + "L", route_name=bad + "R", twilio_trunk_name=bad,
                                     ip_acl_name=formula, credential_list_name=bad + "C", caller_name="<b>x</b>")
    tables = []
    for number in ALL:
        run = chapter(number, params)
        tables += [getattr(run, verb)(*arguments) for verb, *arguments in VERBS[number]]
        tables += [run.parameters(), run.recap(), chapter(number, params.model_copy(update={"mode": "plan"})).recap()]
    sixth = chapter("06", params)
    tables += [chapter("01", params).precheck(), chapter("02", params).number_plans(), chapter("05", params).routes(),
               sixth.simulate(), sixth.steps("+33123456789"), chapter("07", params).numbers(), chapter("99", params).removals()]
    shown = [t for t in tables if isinstance(t, Table)]
    pages = "".join(t._repr_html_() for t in shown)
    assert len(shown) > 20 and "&lt;img src=x" in pages and "=HYPERLINK(" in pages
    assert "<img" not in pages and "<b>" not in pages
    for table in shown:
        cells = [c for row in csv.reader(io.StringIO(table.csv())) for c in row]
        assert not [c for c in cells if re.match(r"[=@]|[+-](?![0-9]+$)", c)]


def test_nothing_a_cloud_says_moves_the_cursor_or_turns_a_line():
    table = Table(["Name"], [["a\x1b[2K\x1b[1Ab"], ["x\u202ey"], ["\x1b]52;c;aGk=\x07"]], "cap\x1b[0m")
    for shown in (repr(table), table._repr_html_()):
        assert not set(shown) & {"\x1b", "\u202e", "\x07"} and shown.count("\ufffd") == 6


def test_full_width_signs_are_no_formulas_either():
    assert Table(["a"], [["＝1+1"], ["=1"]]).csv().splitlines()[1:] == ["\"'＝1+1\"", "\"'=1\""]
