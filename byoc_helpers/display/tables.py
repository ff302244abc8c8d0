"""Tables that read well in JupyterLab, on a forge, in an exported page and in a terminal.

Cells are escaped: a trunk named `<img …>` stays text. No style sheet and no script, so that a table also
survives in a notebook that is opened untrusted.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from ..secrets import redact

MIME = "application/vnd.byoc-runbook+json"
_KEPT = "\n\t\u200c\u200d\u00ad"  # joiners and soft hyphens are part of words in some scripts
MARKS = {"create": "+ create", "update": "~ update", "created": "+ created", "updated": "~ updated", "unchanged": "= unchanged", True: "✔ pass", False: "✘ FAIL"}


@dataclass(frozen=True)
class Table:
    """Rows of text under columns.

    `data` is the same for machines (batch, report): it travels in the notebook under the type `MIME`.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def frame(self) -> Any:
        """The rows as a pandas DataFrame, to filter and sort."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(self.columns))

    def csv(self) -> str:
        """The rows as CSV with a header. A cell that a spreadsheet would take for a formula gets an apostrophe before it; each is in quotes,
        so that a spreadsheet whose columns end at semicolons does not find another one inside."""
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([[_harmless(str(cell)) for cell in row] for row in (self.columns, *self.rows)])
        return out.getvalue()

    def __repr__(self) -> str:
        return "\n".join(filter(None, [visible(self.caption), *_aligned([self.columns, *self.rows])]))

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="{_LEFT};{_WRAPPED}">{escape(visible(c))}</th>' for c in self.columns)
        body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>\n" for row in self.rows)
        caption = f'<caption style="text-align:left"><strong>{escape(visible(self.caption))}</strong></caption>' if self.caption else ""
        return f"<table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return {**bundle, MIME: dict(self.data)} if self.data else bundle


_LEFT, _WRAPPED = "text-align:left;vertical-align:top", "white-space:pre-wrap;overflow-wrap:break-word"
SHORT, LONG = 12, 240  # characters: a shorter cell stays in one line, of a longer one the rest is folded away


def _cell(said: str) -> str:
    said = redact(visible(said))  # before it is cut
    if len(said) <= SHORT:
        return f'<td style="{_LEFT};white-space:pre">{escape(said)}</td>'
    if len(said) <= LONG:
        return f'<td style="{_LEFT};{_WRAPPED}">{escape(said)}</td>'
    start = said[:LONG // 2].rsplit(" ", 1)[0]
    return f'<td style="{_LEFT};{_WRAPPED}"><details><summary>{escape(start)} …</summary>{escape(said)}</details></td>'


def _harmless(cell: str) -> str:
    return f"'{cell}" if re.match(r"\s*[=@＝＠＋－]|\s*[+-](?![0-9]+$)|[\t\r]", cell) else cell


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [[visible(str(c)).replace("\n", " ") for c in row] for row in rows]
    widths = [min(max(len(row[i]) for row in cells), 60) for i in range(len(cells[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]


def visible(value: Any) -> Any:
    """A text without control characters, marks that turn its direction, and halves of characters: � stands where one was."""
    if value is None or hasattr(value, "__html__") or isinstance(value, (bool, int, float)):
        return value
    said = str(value).replace("\r\n", "\n")
    if said.replace("\n", "").isprintable():
        return said
    return "".join(c if c in _KEPT or unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "\ufffd" for c in said)


def text(value: Any) -> str:
    """A value as a table shows it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{k}: {text(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(text(v) for v in value) or "–"
    return str(value)
