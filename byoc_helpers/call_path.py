"""The parts of a call's path, as a chapter sees them in the clouds, for the picture of `display.pictures`.

A chapter knows its own objects and a few it refers to by name. The rest is drawn as "not looked at", with the chapter
that makes it: no chapter needs the other cloud's credentials for a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from . import chapters, reconcile
from .chapters import COMMON, Chapter
from .display.pictures import Part, Picture, State, call_path
from .exceptions import NotYet, RunbookError
from .resources.base import Context, Kind, Named
from .simulate import read_dialplan

_BY_NAME = {"site": "site_name", "byoc_trunk": "trunk_name"}  # kinds that other chapters refer to, and the parameter with the name
_WORST: tuple[State, ...] = ("wrong", "missing", "not looked at", "done")


@dataclass(frozen=True)
class Seen:
    """How one object was found: its name, state and what is to say about it."""

    name: str
    state: State
    detail: str = ""


def picture(ctx: Context, chapter: Chapter, outcomes: Sequence[reconcile.Outcome], planned: Sequence[reconcile.Change]) -> Picture:
    """Inbound and outbound path of this partner's calls; what the chapter did or planned is not read again.

    Never raises for what a cloud lacks or refuses: that is in the picture.
    """
    known: dict[str, dict[str, Seen]] = {}
    for change in planned:
        known.setdefault(chapters.key(change.kind), {})[change.want.name] = _of_change(change)
    for outcome in outcomes:
        known.setdefault(chapters.key(outcome.kind), {})[outcome.want.name] = Seen(outcome.found.name, "wrong" if outcome.note else "done", outcome.note)
    ctx.ahead(*(partial(reconcile.preview, ctx, chapters.kind(name)) for made in chapters.CHAPTERS for name in made.kinds
                if name not in known and _knows(chapter, chapters.kind(name))))
    look = _Looker(ctx, chapter, {kind: list(seen.values()) for kind, seen in known.items()})
    site, numbers = look.part("site", "Site", "location", "site"), look.lines("phone_numbers")
    fqdn, uri = look.lines("inbound_fqdn", "identifier", "byoc_domain"), look.lines("termination_uri", "termination_domain")
    phone_network = Part("pstn", "Phone network", ("PSTN",), "outside")
    inbound = (
        phone_network, look.part("numbers", "Twilio numbers", "trunk_number", lines=numbers), look.part("twilio", "Twilio trunk", "sip_trunk", lines=look.lines("twilio_trunk_name")),
        look.part("origination", "Origination URL", "origination_url", lines=fqdn), look.part("byoc", "BYOC trunk", "byoc_trunk", also=fqdn), site,
        look.part("answer", "Person or IVR", "did_pool", "call_route", "person_number", lines=look.answers()))
    outbound = (
        site, look.part("plans", "Number plans", "number_plans"), look.part("route", "Outbound route", "outbound_route"),
        look.part("servers", "BYOC trunk", "byoc_trunk", also=look.lines("servers", "sip_servers", "termination_domain")),
        look.part("termination", "Termination URI", "sip_trunk", lines=uri),
        look.part("access", "Twilio access", "ip_acl", "credential_list"), phone_network)
    return call_path(f"Calls of {ctx.params.partner}, as chapter {chapter.number} sees them", (("Inbound", inbound), ("Outbound", outbound)))


def _of_change(change: reconcile.Change) -> Seen:
    if change.refused:
        return Seen(change.want.name, "wrong", change.refused)
    if change.found is None:
        return Seen(change.want.name, "missing", change.waits_for or f"chapter {change.kind.CHAPTER} makes it")
    if change.differences:
        return Seen(change.found.name, "wrong", "differs in " + ", ".join(d.key for d in change.differences))
    return Seen(change.found.name, "done")


def _knows(chapter: Chapter, kind: Kind) -> bool:
    """Has the chapter all parameters of the one that makes this kind?"""
    return set(chapters.find_chapter(kind.CHAPTER).fields) - set(COMMON) <= set(chapter.fields)


class _Looker:
    def __init__(self, ctx: Context, chapter: Chapter, known: dict[str, list[Seen]]):
        self.ctx, self.chapter, self.fields, self.known = ctx, chapter, set(chapter.fields), known

    def lines(self, key: str, *needs: str) -> tuple[str, ...]:
        """A parameter, or what follows from some; nothing if the chapter does not hold them."""
        if not set(needs or (key,)) <= self.fields:
            return ()
        value = getattr(self.ctx.params, key)
        return tuple(value) if isinstance(value, list) else (value,)

    def answers(self) -> tuple[str, ...]:
        """Who answers each number, as the params have it."""
        return tuple(f"{a.number}: {a.person or a.call_route}" for a in self.ctx.params.assignments) if "assignments" in self.fields else ()

    def part(self, key: str, title: str, *kinds: str, lines: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> Part:
        """The part that these kinds make; its state is their worst. `lines` stand in place of the objects' names, `also` under them."""
        for kind in kinds:
            if kind not in self.known:
                self.known[kind] = self._look(kind)
        seen = [s for kind in kinds for s in self.known[kind]]
        if not seen:
            return Part(key, title, lines, "missing", "nothing asked for in the params")
        state = next(state for state in _WORST if any(s.state == state for s in seen))
        if len(kinds) > 1 and state == "not looked at" and any(s.state == "done" for s in seen):
            state = "done"  # e.g. the site in a chapter that does not look at its location
        names = tuple(dict.fromkeys(s.name for s in seen if s.name))
        return Part(key, title, (*(lines or names), *also), state,
                    " ".join(dict.fromkeys(s.detail for s in seen if s.state == state and s.detail)))

    def _look(self, name: str) -> list[Seen]:
        kind = chapters.kind(name)
        try:
            if _knows(self.chapter, kind):
                return [_of_change(change) for change in reconcile.preview(self.ctx, kind)]
            if _BY_NAME.get(name) in self.fields:
                return [Seen(self.ctx.require(_named(kind)).name, "done")]
            if {"site_name", "test_numbers"} <= self.fields and name in ("number_plans", "outbound_route", "byoc_trunk"):
                return self._of_dialplan(name)
        except NotYet as error:
            return [Seen("", "missing", str(error))]
        except RunbookError as error:
            return [Seen("", "not looked at", str(error).partition("\n")[0])]
        return [Seen("", "not looked at", f"see chapter {kind.CHAPTER}")]

    def _of_dialplan(self, name: str) -> list[Seen]:
        plan = self.ctx.once("dialplan", lambda: read_dialplan(self.ctx))
        if name == "number_plans":
            return [Seen(f"{len(plan.plans)} number plans", "done")] if plan.plans else [Seen("", "missing", "see chapter 02")]
        if name == "outbound_route":
            routes = [Seen(r.name, "done") if r.enabled else Seen(r.name, "wrong", f"{r.name} is disabled") for r in plan.routes if r.trunks]
            return routes or [Seen("", "missing", "no route has a trunk: see chapter 05")]
        trunks = [Seen(t.name, "done") if t.in_service else Seen(t.name, "wrong", f"{t.name} is not in service") for t in plan.trunks]
        return trunks or [Seen("", "missing", "no route has a trunk: see chapters 04 and 05")]


def _named(kind: Kind) -> Named:
    assert hasattr(kind, "name")
    return kind  # type: ignore[return-value]
