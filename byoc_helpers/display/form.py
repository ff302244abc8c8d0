"""The form of chapter 00: makes, checks and saves a partner's params file.

    form = open_form("params/acme.yaml")   # or open_form(): the example, to start from
    form                                   # in JupyterLab the form; headless the same values as tables

Everything in it comes from elsewhere: fields, labels and kinds of control from `Params`, their grouping from
`CHAPTERS` (a field stands in the first chapter that uses it), the sentences from `params.validate`. A new parameter
needs no line here. Secrets are entered as references; anything else is refused, and not kept in any widget.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import anywidget
import ipywidgets as widgets
import pycountry
import traitlets
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ..chapters import COMMON, Chapter
from ..draft import Place, check, country_of, fits, follows, inner_model, sections, to_yaml
from ..exceptions import ParamsError, RunbookError, SandboxError
from ..params import DEMO, SECRET_KEYS, Params, find_file, read_yaml, time_zones, validate, warnings
from ..presence import somebody_is_there
from ..redaction import guard_kernel
from ..regions import find_region, regions
from ..secrets import check_reference
from .tables import Table, text

_WORDS = {"acl": "ACL", "api": "API", "byoc": "BYOC", "dtmf": "DTMF", "genesys": "Genesys", "id": "ID", "ip": "IP", "sid": "SID",
          "sip": "SIP", "twilio": "Twilio"}

Choices = Mapping[str, Sequence[tuple[str, str]]]


def _label(name: str) -> str:
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[0].upper() + words[1:]


def _remarks(value: Any) -> list[str]:
    """For each phone number in a value, its country."""
    items = value if isinstance(value, list) else [value]
    known = [(item, country_of(item)) for item in items if isinstance(item, str) and item.startswith("+")]
    return [f"{item}: {country}" if len(items) > 1 else country for item, country in known if country]


def _shown(path: Path) -> str:
    project = DEMO.parent.parent
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.name


# ---------------------------------------------------------------- controls, one kind each


class _Reference(widgets.Text):
    """A text box that holds a reference to a secret, or nothing.

    What is typed reaches the kernel when the box is left, and is judged before it becomes the box's value; it is not
    echoed either, so that no widget state ever has it.
    """

    value = traitlets.Unicode().tag(sync=True, echo_update=False)
    refused = ""

    def __init__(self, heard: Callable[[], None], **kwargs: Any):
        self._heard = heard
        super().__init__(continuous_update=False, **kwargs)

    @traitlets.validate("value")
    def _only_references(self, proposal: dict[str, Any]) -> str:
        said, self.refused = proposal["value"].strip(), ""
        try:
            return check_reference(said) if said else ""
        except ValueError as error:
            self.refused = f"{error} What was typed here is thrown away."
            self._heard()
            return ""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        super().set_state(sync_data)
        if self.refused and "value" in sync_data:
            self.send_state("value")
            self._heard()


class _Field:
    """One parameter: label, control, what it means, and a place for what is wrong with it."""

    def __init__(self, name: str, field: FieldInfo, choices: Choices, changed: Callable[[], None]):
        self.name, self.field = name, field
        self.meaning = (field.description or "").removesuffix(", quoted")  # quotes are for the file, not for the form
        self.wrong, self.remark = widgets.HTML(), widgets.HTML()
        self.control = self._made(choices, changed)
        self.control.add_class("byoc-control")
        self.touched = False  # until somebody was there, an empty field is only needed, not wrong
        self.control.observe(lambda change: self._heard(changed), "value")
        meaning = widgets.HTML(f'<div class="byoc-meaning">{escape(self.meaning)} <code>{escape(name)}</code></div>')
        beside = widgets.VBox([self.remark, self.wrong, meaning])
        self.box = widgets.HBox([self.control, beside])
        self.box.add_class("byoc-field")
        beside.add_class("byoc-beside")

    def _made(self, choices: Choices, changed: Callable[[], None]) -> Any:
        annotation, options = self.field.annotation, choices.get(self.name)
        common = {"description": _label(self.name), "tooltip": self.meaning, "style": {"description_width": "13em"}}
        if self.name in SECRET_KEYS:
            return _Reference(changed, placeholder="env:NAME", **common)
        if annotation is bool:
            return widgets.Checkbox(indent=True, **common)
        if annotation is int:
            return widgets.IntText(**common)
        if get_origin(annotation) is list:
            (item,) = get_args(annotation)
            few = get_args(item) if get_origin(item) is Literal else ()
            hint = "one a line" + (f": {', '.join(few)}" if few else "")
            return widgets.Textarea(placeholder=hint, rows=2, **common)
        if get_origin(annotation) is Literal:
            options = [(value, value) for value in get_args(annotation)]
        if options and len(options) > 300:
            return widgets.Combobox(options=[value for _, value in options], **common)
        if options:
            return widgets.Dropdown(options=[("–", ""), *options] if self.field.is_required() else options, **common)
        return widgets.Text(**common)

    def _heard(self, changed: Callable[[], None]) -> None:
        self.touched = True
        changed()

    def fill(self, value: Any) -> None:
        """Set the value as read from a file."""
        self.value, self.touched = value, False
        if isinstance(self.control, _Reference):
            self.control.refused = ""

    @property
    def value(self) -> Any:
        if isinstance(self.control, widgets.Textarea):
            return [line.strip() for line in self.control.value.splitlines() if line.strip()]
        return self.control.value

    @value.setter
    def value(self, value: Any) -> None:
        if isinstance(self.control, widgets.Textarea):
            self.control.value = "\n".join(value)
            self.control.rows = min(max(2, len(value)), 8)
            return
        if isinstance(self.control, widgets.Dropdown) and value not in [v for _, v in self.control.options]:
            self.control.options = [*self.control.options, (f"{value} (not known)", value)]
        self.control.value = value

    def blank(self) -> Any:
        """The value of an untouched field: its default, or nothing."""
        if not self.field.is_required():
            return self.field.default
        return {widgets.Textarea: [], widgets.Checkbox: False, widgets.IntText: 0}.get(type(self.control), "")

    @property
    def given(self) -> bool:
        """Is there something to check? A needed field left empty is missing, not wrong."""
        return not (self.field.is_required() and self.value in ("", []))

    def say(self, problems: Mapping[Place, list[str]], at: Place, remarks: Iterable[str] = ()) -> bool:
        """Show what is wrong here; return whether anything is."""
        refused = getattr(self.control, "refused", "")
        said = [f"{self.name} {refused}"] if refused else problems.get(at, [])
        waiting = bool(said) and not self.given and not self.touched and not refused
        if waiting:
            self.wrong.value, self.remark.value = "", '<div class="byoc-meaning">needed</div>'
            self.control.remove_class("byoc-invalid")
            return True
        self.wrong.value = f'<div class="byoc-wrong" role="alert">✘ {"<br>".join(map(escape, said))}</div>' if said else ""
        (self.control.add_class if said else self.control.remove_class)("byoc-invalid")
        good = [] if said else [*_remarks(self.value), *remarks]
        self.remark.value = f'<div class="byoc-remark">{"<br>".join(map(escape, good))}</div>' if good else ""
        return bool(said)

    def focus(self) -> None:
        self.control.focus()


class _Rows:
    """A parameter that is a list of small models: a group of fields each, to add and remove."""

    def __init__(self, name: str, field: FieldInfo, model: type[BaseModel], choices: Choices, changed: Callable[[], None]):
        self.name, self.field, self.model, self.choices, self.changed = name, field, model, choices, changed
        self.one = _label(name).removesuffix("s").lower()
        self.rows: list[dict[str, _Field]] = []
        self.wrong, self.list = widgets.HTML(), widgets.VBox()
        self.add = _button(f"Add {self.one}", "plus", self._added)
        meaning = widgets.HTML(f'<div class="byoc-meaning"><strong>{escape(_label(name))}</strong>: {escape(field.description or "")} '
                               f"<code>{escape(name)}</code></div>")
        self.box = widgets.VBox([meaning, self.wrong, self.list, self.add])
        self.box.add_class("byoc-rows")

    def _made(self) -> dict[str, _Field]:
        return {name: _Field(name, field, self.choices, self.changed) for name, field in self.model.model_fields.items()}

    def _added(self) -> None:
        self.rows.append(self._made())
        self._show()
        next(iter(self.rows[-1].values())).focus()

    def _removed(self, row: dict[str, _Field]) -> None:
        self.rows = [r for r in self.rows if r is not row]
        self._show()
        self.add.focus()

    def _show(self) -> None:
        shown = []
        for number, row in enumerate(self.rows, 1):
            remove = _button(f"Remove {self.one} {number}", "trash", lambda row=row: self._removed(row))  # type: ignore[misc]
            title = widgets.HTML(f"<h4>{escape(self.one.capitalize())} {number}</h4>")
            shown.append(widgets.VBox([title, *(f.box for f in row.values()), remove]))
            shown[-1].add_class("byoc-row")
        self.list.children = shown
        self.changed()

    @property
    def value(self) -> list[dict[str, Any]]:
        return [{name: f.value for name, f in row.items() if f.given and (f.field.is_required() or f.value != f.field.default)}
                for row in self.rows]

    @value.setter
    def value(self, value: list[dict[str, Any]]) -> None:
        self.rows = []
        for row in value:
            made = self._made()
            for name, field in made.items():
                field.fill(row.get(name, field.blank()))
            self.rows.append(made)
        self._show()

    def fill(self, value: list[dict[str, Any]]) -> None:
        """Set the value as read from a file."""
        self.value = value

    def blank(self) -> list[Any]:
        return []

    given = True

    @property
    def touched(self) -> bool:
        return any(field.touched for row in self.rows for field in row.values())

    @touched.setter
    def touched(self, touched: bool) -> None:
        for row in self.rows:
            for field in row.values():
                field.touched = touched

    def say(self, problems: Mapping[Place, list[str]], at: Place, remarks: Iterable[str] = ()) -> bool:
        """Show what is wrong, each at its row and field; return whether anything is."""
        inner = [field.say(problems, (self.name, i, name)) for i, row in enumerate(self.rows) for name, field in row.items()]
        said = [s for (key, row, sub), ss in problems.items() if key == self.name and (row is None or not sub) for s in ss]
        self.wrong.value = f'<div class="byoc-wrong" role="alert">✘ {"<br>".join(map(escape, said))}</div>' if said else ""
        return bool(said) or any(inner)

    def focus(self) -> None:
        first = next(iter(self.rows), None)
        (next(iter(first.values())) if first else self.add).focus()


@cache
def _fixed_choices() -> Choices:
    countries = sorted((getattr(c, "common_name", c.name), c.alpha_2) for c in pycountry.countries)
    return {"genesys_region": [(f"{r.aws}, {r.environment}: {r.title}", r.aws) for r in regions()],
            "country": [(f"{name} ({code})", code) for name, code in countries],
            "time_zone": [(zone, zone) for zone in sorted(time_zones())]}


def _button(label: str, icon: str, clicked: Callable[[], None], **kwargs: Any) -> Any:
    button = widgets.Button(description=label, icon=icon, tooltip=label, layout={"width": "max-content"}, **kwargs)
    button.on_click(lambda _: clicked())
    return button


# ---------------------------------------------------------------- the form


STYLE = """<style>
.byoc-tables { display: none; }
.byoc-form { color: var(--jp-ui-font-color1); max-width: 74em; padding: 0 4px 4px; overflow: visible; }
.byoc-form h3 { font-size: var(--jp-content-font-size2); margin: 18px 0 4px; padding-bottom: 4px;
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2); }
.byoc-form h4 { font-size: var(--jp-content-font-size1); margin: 2px 0; }
.byoc-form .widget-html, .byoc-form .widget-html-content { height: auto; line-height: 1.4; margin: 0; }
.byoc-form .byoc-field { flex-wrap: wrap; align-items: flex-start; overflow: visible; padding: 2px 0; }
.byoc-form .byoc-control { flex: 0 1 36em; width: 36em; }
.byoc-form .byoc-control label { color: var(--jp-ui-font-color1); text-align: left; }
.byoc-form .byoc-beside { flex: 1 1 20em; overflow: visible; padding: 4px 0 2px 10px; }
.byoc-form .byoc-meaning { color: var(--jp-ui-font-color1); font-size: var(--jp-ui-font-size1); opacity: 0.86; }
.byoc-form code { background: var(--jp-layout-color2); color: var(--jp-ui-font-color1); padding: 0 3px; }
.byoc-form .byoc-wrong { color: var(--jp-ui-font-color1); border-left: 4px solid var(--jp-error-color1); padding-left: 8px;
  font-weight: 600; overflow-wrap: anywhere; }
.byoc-form .byoc-remark { color: var(--jp-ui-font-color1); border-left: 4px solid var(--jp-success-color1); padding-left: 8px;
  overflow-wrap: anywhere; }
.byoc-form .byoc-invalid :is(input, select, textarea) { border: 2px solid var(--jp-error-color1) !important; }
.byoc-form :is(input, select, textarea, button):focus-visible { outline: 2px solid var(--jp-brand-color1) !important;
  outline-offset: 1px; }
.byoc-form .byoc-row { border-left: 2px solid var(--jp-border-color1); padding: 4px 0 4px 10px; margin: 4px 0 8px; overflow: visible; }
.byoc-form .byoc-rows { padding: 6px 0; overflow: visible; }
.byoc-form .byoc-follows { background: var(--jp-layout-color1); border: var(--jp-border-width) solid var(--jp-border-color2);
  margin: 8px 0; }
.byoc-form .byoc-follows :is(td, th) { text-align: left; vertical-align: top; padding: 3px 10px; overflow-wrap: anywhere; }
.byoc-form .byoc-follows caption { text-align: left; padding: 2px 0; }
.byoc-form .byoc-follows th { white-space: nowrap; }
.byoc-form .byoc-bar { flex-wrap: wrap; align-items: center; gap: 6px; overflow: visible; padding: 8px 0; }
</style>"""


class _Manners(anywidget.AnyWidget):
    """What ipywidgets has no trait for.

    Without it, arrows and letters typed on a list move between the notebook's cells, cut them or change their kind; and
    a screen reader does not hear what stands beside a control when it comes to it.
    """

    _esm = """
    function mend(form) {
      for (const control of form.querySelectorAll("input, select, textarea, button"))
        control.setAttribute("data-lm-suppress-shortcuts", "true");
      for (const field of form.querySelectorAll(".byoc-field")) {
        const control = field.querySelector("input, select, textarea"), beside = field.querySelector(".byoc-beside");
        if (!control || !beside) continue;
        beside.id ||= "byoc-" + crypto.getRandomValues(new Uint32Array(2)).join("-");
        control.setAttribute("aria-describedby", beside.id);
        control.setAttribute("aria-invalid", String(Boolean(field.querySelector(".byoc-wrong"))));
      }
    }
    export default {
      render({ el }) {
        let watch, frame;
        const attach = () => {
          const form = el.closest(".byoc-form");
          if (!form) { frame = requestAnimationFrame(attach); return; }
          watch = new MutationObserver(() => mend(form));
          watch.observe(form, { childList: true, subtree: true });
          mend(form);
        };
        attach();
        return () => { cancelAnimationFrame(frame); watch?.disconnect(); };
      }
    };
    """


@dataclass
class _Section:
    chapter: Chapter
    fields: list[_Field | _Rows]
    optional: widgets.VBox
    toggle: widgets.ToggleButton | None
    follows: widgets.HTML


class Form:
    """The params of one partner, to look at and to change. Made by `open_form`."""

    def __init__(self, folder: Path, scenarios: Sequence[Mapping[str, str]] = (), path: Path | None = None):
        self.folder, self._scenarios = folder, scenarios
        self._example = folder / "demo.yaml"
        self._widget: Any = None
        self._sections: list[_Section] = []
        self._busy = False
        self._load(path or self._example)

    # ------------------------------------------------------------ files

    def _load(self, path: Path) -> None:
        raw = read_yaml(path)
        unfit = [*self._unfit(raw)]
        if unfit:
            raise ParamsError(unfit)
        self.path: Path | None = None if path == self._example else path
        self._opened = path.read_text("utf-8")
        self._own_slug = "" if self.path is None else _slug(raw)
        self._kept = raw

    def _unfit(self, raw: Mapping[str, Any]) -> Iterable[str]:
        """Sentences for what the form could not show, and so would lose."""
        known = Params.model_fields
        bad = [k for k, v in raw.items() if k not in known or not fits(known[k], v) or (k in SECRET_KEYS and v and not _reference(v))]
        for (key, _, _), sentences in check(raw)[1].items():
            if key in bad:
                yield from (f"{s} Mend the file, then open it again." for s in sentences)

    def files(self) -> list[str]:
        """Names of the params files there are, without the example."""
        return sorted(p.name for p in self.folder.glob("*.yaml") if p != self._example)

    def target_file(self, params: Params) -> Path:
        """Where saving these params would write: the opened file, or one named after the partner."""
        if self.path is not None and params.slug == self._own_slug:
            return self.path
        return self.folder / f"{params.slug}.yaml"

    def doubts(self, params: Params) -> tuple[str, str]:
        """Why these params can't be saved, and why they should not be unasked; empty where nothing speaks against it."""
        target = self.target_file(params)
        for other in sorted(self.folder.glob("*.yaml")):
            if other != target and _slug_of(other) == params.slug:
                return (f'partner: "{params.partner}" is also in {_shown(other)}, and a partner has one file. Give this one another '
                        "name" + ("." if other == self._example else ", or open that file."), "")
        if target == self._example:
            return f"partner: {_shown(target)} is the guide's example and stays as it is. Give the partner another name.", ""
        if not target.exists():
            return "", ""
        held = target.read_text("utf-8", errors="replace")
        if target != self.path:
            whose = _partner_of(target)
            return "", f"{_shown(target)} is there already" + (f' and holds partner "{whose}".' if whose else ".")
        if held != self._opened:
            return "", f"{_shown(target)} was changed by somebody else since it was opened here."
        lost = [line.strip() for line in held.splitlines() if line.lstrip().startswith("#")]
        if set(lost) - {line.strip() for line in to_yaml(params).splitlines()}:
            return "", f"{_shown(target)} has comments of your own, which saving replaces by the parameters' meanings."
        return "", ""

    def write(self, params: Params) -> Path:
        """Write the params file, whole or not at all. Returns its path."""
        target, content = self.target_file(params), to_yaml(params)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".saving-", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
            if validate(read_yaml(name), source=_shown(target)) != params:
                raise ParamsError(f"{_shown(target)}: the file would not hold what the form shows. Nothing was written.")
            os.chmod(name, 0o644)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
        self.path, self._own_slug, self._opened, self._kept = target, params.slug, content, self.values
        return target

    # ------------------------------------------------------------ values

    @property
    def values(self) -> dict[str, Any]:
        """What the form holds now, as `params.validate` takes it."""
        if self._widget is None:
            return dict(self._kept)
        return {f.name: f.value for s in self._sections for f in s.fields if f.given}

    def _fill(self, values: Mapping[str, Any]) -> None:
        self._busy = True
        for section in self._sections:
            for field in section.fields:
                value: Any = values.get(field.name, field.blank())
                if field.name == "genesys_region" and _is_region(value):
                    value = find_region(value).aws
                field.fill(value)
        self._busy = False
        self._kept = self.values
        self._changed()

    # ------------------------------------------------------------ without a front end

    def table(self) -> Table:
        """The values, a row a parameter that is set, under the chapters that use them."""
        values = self.values
        rows = [[chapter.number, name, text(values[name]), Params.model_fields[name].description or ""]
                for chapter, names in sections() for name in names if values.get(name, "") not in ("", [], False)]
        return Table(["Chapter", "Parameter", "Value", "Meaning"], rows, f"{_shown(self.path or self._example)}, as opened in the form")

    def follows(self) -> Table:
        """What follows from the values."""
        return Table(["What follows", "Value", "Meaning"], follows(check(self.values)[0]), "What follows from these choices")

    def scenarios(self) -> Table:
        """The situations to practise on."""
        rows = [[s["name"], s["lesson"], s.get("chapter") or "–"] for s in self._scenarios]
        return Table(["Scenario", "What it teaches", "Fails in chapter"], rows, "What you can practise on")

    def problems(self) -> list[str]:
        """Every sentence about what is wrong; none when the params can be saved."""
        return [s for sentences in check(self.values)[1].values() for s in sentences]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        tables = [self.table(), self.follows()]
        return {"text/plain": "\n\n".join(map(repr, tables)), "text/html": "\n".join(t._repr_html_() for t in tables)}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not somebody_is_there():
            raise NotImplementedError  # IPython's way to go on to the tables
        tables = self._repr_mimebundle_()
        # A notebook opened again has no kernel behind its form. The tables stay for that day: the living form hides them.
        display({**tables, "text/html": f'<div class="byoc-tables">{tables["text/html"]}</div>'}, raw=True)
        display(self.widget)

    # ------------------------------------------------------------ with one

    @property
    def widget(self) -> Any:
        """The form itself, made when first asked for."""
        if self._widget is None:
            self._build()
        return self._widget

    def _choices(self) -> Choices:
        return {**_fixed_choices(), "scenario": [(f"{s['name']}: {s['title']}", s["name"]) for s in self._scenarios]}

    def _fields(self, choices: Choices, changed: Callable[[], None]) -> dict[str, _Field | _Rows]:
        made: dict[str, _Field | _Rows] = {}
        for _, names in sections():
            for name in names:
                field = Params.model_fields[name]
                model = inner_model(field)
                made[name] = _Rows(name, field, model, choices, changed) if model else _Field(name, field, choices, changed)
        return made

    def _build(self) -> None:
        made, parts, values = self._fields(self._choices(), self._changed), [], self._kept
        for chapter, names in sections():
            fields = [made[name] for name in names]
            rare = [f for f in fields if not f.field.is_required() and f.name not in COMMON]
            rare = [] if len(rare) == len(fields) else rare
            optional = widgets.VBox([f.box for f in rare], layout={"display": "none"})
            toggle = None
            if rare:
                toggle = widgets.ToggleButton(icon="chevron-down", layout={"width": "max-content"})
                toggle.observe(lambda change, optional=optional, toggle=toggle: _open(optional, toggle), "value")
                _open(optional, toggle)
            section = _Section(chapter, fields, optional, toggle, widgets.HTML())
            self._sections.append(section)
            heading = widgets.HTML(f"<h3>{escape(chapter.number)} {escape(chapter.title)}</h3>")
            parts += [heading, *(f.box for f in fields if f not in rare), *([toggle] if toggle else []), optional, section.follows]
        self._file = widgets.Dropdown(description="Start from", layout={"width": "26em"})
        self._open_button = _button("Open", "folder-open", self._on_open)
        self._save_button = _button("Save", "check", self._on_save, button_style="primary")
        self._count = widgets.HTML()
        self._opening, self._saving = _Talk(self._open_button), _Talk(self._save_button)
        bars = [widgets.HBox([self._file, self._open_button]), widgets.HBox([self._save_button, self._count])]
        for bar in (*bars, self._opening.bar, self._saving.bar):
            bar.add_class("byoc-bar")
        self._list_files()
        self._widget = widgets.VBox([widgets.HTML(STYLE), _Manners(), bars[0], self._opening.box, *parts, bars[1], self._saving.box])
        self._widget.add_class("byoc-form")
        for box in (self._widget, *(s.optional for s in self._sections)):
            box.layout.overflow = "visible"
        self._fill(values)

    def _list_files(self) -> None:
        self._file.options = [("the guide's example", self._example.name), ("nothing: an empty form", ""), *((n, n) for n in self.files())]
        self._file.value = (self.path or self._example).name if (self.path or self._example).parent == self.folder else ""

    def _changed(self) -> None:
        if self._busy or self._widget is None:
            return
        params, problems = check(self.values)
        unusual: dict[str, list[str]] = {}
        for said in warnings(params):
            unusual.setdefault(said.partition(":")[0], []).append(said)
        unusual["scenario"] = [s["lesson"] for s in self._scenarios if s["name"] == getattr(params, "scenario", "")]
        wrong = []
        for section in self._sections:
            for field in section.fields:
                if field.say(problems, (field.name, None, ""), unusual.get(field.name, [])):
                    wrong.append(field)
                    if section.toggle and field.box in section.optional.children:
                        section.toggle.value = True
            section.follows.value = _follows_html(follows(params, section.chapter.name))
        self._wrong = wrong
        names = ", ".join(f.name for f in wrong)
        self._count.value = f"<span>{len(wrong)} to mend: {escape(names)}</span>" if wrong else "<span>✔ All parameters are right.</span>"

    # ------------------------------------------------------------ buttons

    def _on_open(self) -> None:
        self._opening.drop()
        if self.values != self._kept:
            self._opening.ask("What you changed here is not saved yet.", "Drop the changes", self._open_chosen)
        else:
            self._open_chosen()

    def _open_chosen(self) -> None:
        name = self._file.value
        try:
            if name:
                self._load(self.folder / name)
            else:
                self.path, self._own_slug, self._opened, self._kept = None, "", "", {}
        except RunbookError as error:
            self._opening.say("<br>".join(f"✘ {escape(line)}" for line in str(error).splitlines()))
            return
        self._fill(self._kept)
        self._saving.say("")
        self._sections[0].fields[0].focus()
        self._opening.say(f"✔ {escape(name or 'An empty form')} is open.")

    def _on_save(self, agreed: str = "") -> None:
        """Save, unless something is wrong, or something would be lost that nobody agreed to lose."""
        self._saving.drop()
        params, problems = check(self.values)
        if problems or self._wrong:
            for section in self._sections:
                for field in section.fields:
                    field.touched = True
            self._changed()
            self._saving.say(f"✘ Not saved. To mend: {escape(', '.join(f.name for f in self._wrong))}.")
            self._wrong[0].focus()
            return
        never, ask = self.doubts(params)
        if never:
            self._saving.say(f"✘ Not saved. {escape(never)}")
        elif ask and ask != agreed:
            self._saving.ask(ask, f"Replace {self.target_file(params).name}", lambda: self._on_save(ask))
        else:
            self._write(params)

    def _write(self, params: Params) -> None:
        try:
            target = self.write(params)
        except (OSError, RunbookError) as error:
            self._saving.say(f"✘ Not saved. {escape(getattr(error, 'strerror', None) or str(error))}")
            return
        self._list_files()
        name = escape(_shown(target) if target.is_relative_to(DEMO.parent.parent) else str(target))
        self._saving.say(f"<strong>✔ Saved: {name}</strong><br>By hand: in the parameters cell of each chapter, write "
                         f'<code>params_file: str = "{name}"</code> and run the chapter, 01 first.<br>'
                         f"Or all chapters at once, in a terminal in the project's folder: <code>byoc run {name}</code>")


class _Talk:
    """A place by a button where the form answers, and asks before something would be lost."""

    def __init__(self, button: Any):
        self.button, self.then = button, lambda: None
        self.said, self.question = widgets.HTML(), widgets.HTML()
        self.yes, self.no = _button("Go on", "", lambda: self._answered(True)), _button("Leave it as it is", "", lambda: self._answered(False))
        self.bar = widgets.HBox([self.yes, self.no], layout={"display": "none"})
        self.box = widgets.VBox([self.question, self.bar, self.said])

    def say(self, html: str) -> None:
        """Show an answer, as HTML; "" takes the last one away."""
        self.said.value = f'<div role="alert">{html}</div>' if html else ""

    def ask(self, sentence: str, label: str, then: Callable[[], None]) -> None:
        """Ask; do `then` if the button with this label is pressed."""
        self.then = then
        self.yes.description = self.yes.tooltip = label
        self.question.value = f'<div class="byoc-wrong" role="alert">{escape(sentence)}</div>'
        self.bar.layout.display = ""
        self.say("")
        self.yes.focus()

    def drop(self) -> None:
        """Ask no more."""
        self.question.value, self.bar.layout.display = "", "none"

    def _answered(self, go_on: bool) -> None:
        self.drop()
        self.button.focus()
        if go_on:
            self.then()


def _open(optional: Any, toggle: Any) -> None:
    """Show or hide the settings that may stay as they are."""
    count, shown = len(optional.children), toggle.value
    optional.layout.display = "" if shown else "none"
    settings = f"{count} settings that may stay as they are" if count > 1 else "1 setting that may stay as it is"
    toggle.description = toggle.tooltip = f"{'Hide' if shown else 'Show'} {settings}"
    toggle.icon = f"chevron-{'up' if shown else 'down'}"


def _follows_html(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    body = "".join(f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td><td>{escape(c)}</td></tr>' for a, b, c in rows)
    return f'<table class="byoc-follows"><caption>Follows from the choices</caption><tbody>{body}</tbody></table>'


def _reference(value: str) -> bool:
    try:
        check_reference(value)
    except ValueError:
        return False
    return True


def _is_region(value: Any) -> bool:
    try:
        find_region(value)
    except ValueError:
        return False
    return True


def _slug(raw: Mapping[str, Any]) -> str:
    partner = raw.get("partner")
    return Params.model_construct(partner=partner).slug if isinstance(partner, str) and partner.strip() else ""


def _partner_of(path: Path) -> str:
    try:
        return str(read_yaml(path).get("partner", ""))
    except ParamsError:
        return ""


def _slug_of(path: Path) -> str:
    return _slug({"partner": _partner_of(path)})


def open_form(params_file: str = "") -> Form:
    """The form on a params file; none given: on the guide's example, to make another from.

    Args:
        params_file: as in the chapters, e.g. "params/acme.yaml".

    Raises:
        ParamsError: the file can't be read, or holds what the form could not show.
    """
    from ..sandbox import ensure_running

    guard_kernel()
    try:
        scenarios = ensure_running().scenarios()
    except SandboxError:  # without practice clouds the scenario is typed
        scenarios = []
    return Form(DEMO.parent, scenarios, find_file(params_file).resolve() if params_file else None)
