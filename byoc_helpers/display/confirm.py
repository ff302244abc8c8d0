"""The question before a live org is changed by hand: what would be done, and a button.

The words are ordinary output, so that a saved notebook still shows what was asked and whether it was answered; only the
button needs a kernel, and it holds nothing but its label.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

WAITING, GIVEN = "○ not confirmed: nothing is changed until the button is pressed", "✔ confirmed"


class Confirmation:
    """Asks once; `yes` is called when the button is pressed.

    Args:
        question: a sentence with a question mark.
        lines: what would be done, a line each.
        label: what stands on the button.
    """

    def __init__(self, question: str, lines: Sequence[str], label: str, yes: Callable[[], None]):
        self.question, self.lines, self.label, self._yes = question, tuple(lines), label, yes
        self.answer = WAITING
        self._button: Any = None
        self._shown: Any = None

    def __repr__(self) -> str:
        return "\n".join([self.question, *(f"  {line}" for line in self.lines), self.answer])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        items = "".join(f"<li>{escape(line)}</li>" for line in self.lines)
        html = f'<div role="status"><p><strong>{escape(self.question)}</strong></p><ul>{items}</ul><p>{escape(self.answer)}</p></div>'
        return {"text/plain": repr(self), "text/html": html}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._shown = display(self._repr_mimebundle_(), raw=True, display_id=True)
        # In a notebook opened again there is no kernel behind the button: its words then stand in its place.
        display({**self.button._repr_mimebundle_(), "text/plain": "(While the kernel runs, a button stands here.)"}, raw=True)

    @property
    def button(self) -> Any:
        """The button, made when first asked for."""
        if self._button is None:
            import ipywidgets as widgets

            self._button = widgets.Button(description=self.label, tooltip=self.label, icon="check", button_style="danger", layout={"width": "auto"})
            self._button.on_click(lambda _: self.press())
        return self._button

    def press(self) -> None:
        """The answer is yes; pressing again does nothing."""
        if self.answer != WAITING:
            return
        self._yes()
        self.answer = f"{GIVEN} on {dt.datetime.now(dt.UTC):%Y-%m-%d at %H:%M} UTC: run the cells below"
        self._close()

    def withdraw(self, why: str) -> None:
        """The question no longer counts, e.g. because a new plan was made."""
        if self.answer == WAITING:
            self.answer = why
            self._close()

    def _close(self) -> None:
        if self._button is not None:
            self._button.disabled = True
        if self._shown is not None:
            self._shown.update(self._repr_mimebundle_(), raw=True)
