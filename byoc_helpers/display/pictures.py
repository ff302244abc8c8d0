"""Pictures for those who would rather look than read: a call's path through both clouds, a number's way through the plans.

Pure functions: data in, a `Picture` out. An SVG with its own background reads the same in a light and a dark theme; it has
no script, no font from elsewhere and no random id, so that the same data give the same bytes.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

from ..dialplan import Simulation

if TYPE_CHECKING:
    from ..signalling import Message

State = Literal["done", "missing", "wrong", "not looked at", "outside"]

# A state is told by a mark, a word and the line's shape; the colour only adds to them. Each: mark, line and text, fill, dashes.
STYLES: dict[State, tuple[str, str, str, str]] = {
    "done": ("✔", "#14532d", "#e8f5ec", ""), "missing": ("○", "#7c2d12", "#fff4e5", "6 4"), "wrong": ("✘", "#991b1b", "#fdeaea", "2 3"),
    "not looked at": ("·", "#4b5563", "#f3f4f6", "1 4"), "outside": ("", "#1f2937", "#ffffff", ""),
}
_OUTCOMES: dict[str, State] = {"matched": "done", "passed over": "not looked at", "again": "outside", "stopped": "wrong"}
INK, PAPER, FONT = "#1f2937", "#ffffff", "sans-serif"
WIDTH, A_ROW = 840, 4  # what JupyterLab's output area has room for at 1280 pixels, with the file browser open
EM = 0.62  # a character's width in font sizes: an upper estimate of a sans-serif's mean


@dataclass(frozen=True)
class Part:
    """One box: `lines` stand under the title, `detail` says in a sentence what is missing or wrong."""

    key: str
    title: str
    lines: tuple[str, ...]
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Picture:
    """An SVG and the same in words."""

    svg: str = field(repr=False)
    words: str

    def __repr__(self) -> str:
        return self.words

    def _ipython_display_(self) -> None:
        """The picture, and the same in words, folded: JupyterLab shows an SVG as an image, which has no titles to point at or read out."""
        from IPython.display import display

        display(self._repr_mimebundle_(), raw=True)
        html = f'<details><summary>The same in words</summary><pre style="white-space:pre-wrap">{escape(self.words)}</pre></details>'
        display({"text/html": html, "text/plain": ""}, raw=True)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.words}


def call_path(caption: str, directions: Sequence[tuple[str, Sequence[Part]]]) -> Picture:
    """The way of a call, a row a direction, its parts in the order the call passes them.

    Args:
        caption: what the picture is of.
        directions: a heading, e.g. "Inbound", and the parts; the same part may stand in several rows.
    """
    width, height, gap = 188, 118, 20
    total = WIDTH
    words = [caption]
    for heading, parts in directions:
        words += ["", heading, *(f"  {'→ ' if i else ''}{_sentence(part)}" for i, part in enumerate(parts))]
    rows = sum(-(-len(parts) // A_ROW) for _, parts in directions)
    root = _canvas(total, 40 + 26 * len(directions) + (height + gap) * rows, caption, "\n".join(words[2:]))
    _text(root, 12, 24, caption, total - 24, size=15, bold=True)
    top = 40
    for heading, parts in directions:
        _text(root, 12, top + 16, heading, total - 24, size=13, bold=True)
        top += 26
        for i, part in enumerate(parts):
            left = 12 + i % A_ROW * (width + gap)
            if i and i % A_ROW == 0:
                top += height + gap
                _turn(root, 12 + (A_ROW - 0.5) * (width + gap) - gap / 2, top - gap, 12 + width / 2)
            elif i:
                _arrow(root, left - gap, top + height / 2, left)
            _box(root, part, left, top, width, height)
        top += height + gap
    return _picture(root, words)


def ladder(simulation: Simulation) -> Picture:
    """A number's way through the number plans, routes and trunks: a rung for each that was tried, in order."""
    s, rung, total = simulation, 38, WIDTH
    caption = f"{s.dialled}: {s.verdict}"
    rungs: list[tuple[State, str, str, str, str]] = [("outside", "dialled", s.dialled, "", "what the person dialled")]
    rungs += [(_OUTCOMES[step.outcome], step.kind, step.name, step.outcome, step.reason) for step in s.steps]
    if s.edges:
        rungs.append(("done", "edges", ", ".join(s.edges), "place it", f"the call goes out as {s.normalized}, classification {s.classification}"))
    words = [caption, *(f"  {STYLES[state][0] or '↓'} {kind} {name}: {', '.join(filter(None, [outcome, why]))}"
                        for state, kind, name, outcome, why in rungs)]
    root = _canvas(total, 56 + rung * len(rungs), f"Number {s.dialled}", "\n".join(words))
    _text(root, 12, 24, caption, total - 24, size=14, bold=True)
    ET.SubElement(root, "line", {"x1": "24", "y1": "52", "x2": "24", "y2": _n(40 + rung * (len(rungs) - 0.5)), "stroke": INK, "stroke-width": "2"})
    for i, (state, kind, name, outcome, why) in enumerate(rungs):
        top = 40 + rung * i
        mark, line, fill, dashes = STYLES[state]
        group = ET.SubElement(root, "g")
        ET.SubElement(group, "title").text = _clean(f"{kind} {name}: {', '.join(filter(None, [outcome, why]))}")
        ET.SubElement(group, "circle", {"cx": "24", "cy": _n(top + 12), "r": "10", "fill": fill, "stroke": line, "stroke-dasharray": dashes or "none"})
        _text(group, 18.5, top + 16.5, mark or "↓", 16, colour=line)
        bold = state in ("done", "wrong")
        for left, wide, what in ((46, 110, kind), (162, 200, name), (368, 90, outcome)):
            _text(group, left, top + 16, what, wide, colour=INK if bold else line, bold=bold)
        for n, said in enumerate(fold(why, total - 476, 12, 2)):
            _text(group, 464, top + 16 + 15 * n, said, total - 476, colour=INK if bold else line)
    return _picture(root, words)


def sequence(caption: str, left: tuple[str, str], right: tuple[str, str], messages: Sequence[Message]) -> Picture:
    """The SIP messages of a call between two ends, from top to bottom in time.

    Args:
        caption: what the picture is of.
        left, right: name of an end, which is a message's sender, and what stands under it.
        messages: in order; one that ends the call early has a mark and a broken line.
    """
    total, x1, x2, size = WIDTH, 96.0, WIDTH - 96.0, 11
    room = x2 - x1 - 24
    words = [caption, *(_said(i, m) for i, m in enumerate(messages, 1))]
    texts = [_under(m, room, size) for m in messages]
    heights = [30 + 15 * len(t) for t in texts]
    root = _canvas(total, 96 + sum(heights), caption, "\n".join(words[1:]))
    _text(root, 12, 24, caption, total - 24, size=14, bold=True)
    bottom = _n(84 + sum(heights))
    for x, corner, (name, under) in ((x1, 8, left), (x2, total - 268, right)):
        ET.SubElement(root, "line", {"x1": _n(x), "y1": "76", "x2": _n(x), "y2": bottom, "stroke": INK, "stroke-width": "1.2", "stroke-dasharray": "5 4"})
        ET.SubElement(root, "rect", {"x": _n(corner), "y": "36", "width": "260", "height": "40", "rx": "6", "fill": STYLES["not looked at"][2], "stroke": INK})
        _text(root, corner + 8, 52, name, 244, size=13, bold=True)
        _text(root, corner + 8, 68, under, 244)
    y = 96.0
    for i, (m, said, height) in enumerate(zip(messages, texts, heights, strict=True), 1):
        start, end = (x1, x2) if m.sender == left[0] else (x2, x1)
        colour = STYLES["wrong"][1] if m.ends else INK
        group = ET.SubElement(root, "g")
        ET.SubElement(group, "title").text = _clean(_said(i, m))
        _text(group, x1 + 12, y + 4, f"{i}  {'✘ ' if m.ends else ''}{m.line}", room, size=12, colour=colour, bold=True)
        ET.SubElement(group, "path", {"d": _pointed(start, y + 10, end), "fill": "none", "stroke": colour, "stroke-width": "1.6", "stroke-dasharray": "2 3" if m.ends else "none"})
        for n, (one, quiet) in enumerate(said):
            _text(group, x1 + 24, y + 24 + 15 * n, one, room, size=size, colour=STYLES["not looked at"][1] if quiet else colour)
        y += height
    return _picture(root, words)


def _said(number: int, m: Message) -> str:
    headers = "".join(f"\n       {h}" for h in m.headers)
    return f"  {number:>2} {m.sender}: {'✘ ' if m.ends else ''}{m.line}{headers}" + (f"\n       – {m.note}" if m.note else "")


def _under(m: Message, room: float, size: float) -> list[tuple[str, bool]]:
    """What stands under a message's arrow, line by line: headers, then quietly what to notice."""
    headers = [(one, False) for h in m.headers for one in fold(h, room, size, 3)]
    return headers + [(one, True) for one in fold(m.note, room, size, 3)]


def _pointed(start: float, y: float, end: float) -> str:
    away = -6 if end > start else 6
    return f"M{_n(start)} {_n(y)}H{_n(end)}m{away} -4l{-away} 4l{away} 4"


# ---------------------------------------------------------------- drawing


def fold(said: str, width: float, size: float, lines: int) -> list[str]:
    """A text in at most so many lines of `width` pixels; what doesn't fit ends in "…"."""
    room = max(int(width / (size * EM)), 2)
    return _Wrapper(room, max_lines=lines, placeholder="…", break_on_hyphens=False).wrap(_clean(said)) if lines > 0 else []


class _Wrapper(textwrap.TextWrapper):
    """Breaks long host names after a dot."""

    wordsep_simple_re = re.compile(r"(\s+)|(?<=[.@:/])(?=\S)")


def _sentence(part: Part) -> str:
    mark, *_ = STYLES[part.state]
    state = "" if part.state == "outside" else f" [{mark} {part.state}]"
    return f"{part.title}{state}" + "".join(f": {said}" for said in [", ".join(part.lines)] if said) + (f" – {part.detail}" if part.detail else "")


def _box(root: ET.Element, part: Part, left: float, top: float, width: float, height: float) -> None:
    mark, line, fill, dashes = STYLES[part.state]
    group = ET.SubElement(root, "g")
    ET.SubElement(group, "title").text = _clean(_sentence(part))
    ET.SubElement(group, "rect", {"x": _n(left), "y": _n(top), "width": _n(width), "height": _n(height), "rx": "6", "fill": fill,
                                  "stroke": line, "stroke-width": "1.6", "stroke-dasharray": dashes or "none"})
    _text(group, left + 8, top + 20, part.title, width - 16, size=13, bold=True)
    room, at = 4, top + 38
    shown = [one for said in part.lines for one in fold(said, width - 16, 12, 2)]
    shown = [*shown[:room - 1], "…"] if len(shown) > room else shown
    for one in shown:
        _text(group, left + 8, at, one, width - 16)
        at += 15
    if part.state == "outside":
        return
    for i, one in enumerate(fold(f"{mark} {part.state}" + (f": {part.detail}" if part.detail else ""), width - 16, 11, 2)):
        _text(group, left + 8, top + height - 22 + 14 * i, one, width - 16, size=11, colour=line, bold=True)


def _text(parent: ET.Element, left: float, base: float, said: str, width: float, size: float = 12, colour: str = INK, bold: bool = False) -> None:
    look = {"x": _n(left), "y": _n(base), "font-size": _n(size), "fill": colour}
    ET.SubElement(parent, "text", {**look, "font-weight": "bold"} if bold else look).text = "".join(fold(said, width, size, 1))


def _arrow(root: ET.Element, left: float, y: float, right: float) -> None:
    ET.SubElement(root, "path", {"d": f"M{_n(left + 1)} {_n(y)}H{_n(right - 5)}m-5 -5l6 5l-6 5", "fill": "none", "stroke": INK, "stroke-width": "1.8"})


def _turn(root: ET.Element, right: float, y: float, left: float) -> None:
    """From under the last box of a line to the top of the next line's first one."""
    ET.SubElement(root, "path", {"d": f"M{_n(right)} {_n(y + 1)}v8H{_n(left)}v6m-5 -5l5 6l5 -6", "fill": "none", "stroke": INK, "stroke-width": "1.8"})


def _canvas(width: float, height: float, title: str, description: str) -> ET.Element:
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_n(width)} {_n(height)}", "width": _n(width),
                              "height": _n(height), "role": "img", "font-family": FONT, "style": "max-width:100%;height:auto"})
    ET.SubElement(root, "title").text = _clean(title)
    ET.SubElement(root, "desc").text = _clean(description)
    ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": PAPER})
    return root


def _picture(root: ET.Element, words: Iterable[str]) -> Picture:
    return Picture(ET.tostring(root, encoding="unicode"), _clean("\n".join(words)))


def _clean(said: str) -> str:
    """Without the control characters that XML has no room for."""
    if said.replace("\n", "").isprintable():
        return said
    return "".join(c for c in said if c in "\n\t" or (c.isprintable() or c == "\u00a0" or c == "\u202f"))


def _n(value: float) -> str:
    return f"{value:g}"
