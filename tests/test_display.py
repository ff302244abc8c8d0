"""Tables escape what a cloud returns, and carry a plain twin."""

from __future__ import annotations

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
