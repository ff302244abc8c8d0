"""Drills: a finished org on the practice clouds in which something is wrong, to be found and mended by the trainee.

    drill = open_drill("1")   # makes the org, or finds it as you left it; writes its params file
    drill.ticket()            # what the users say: symptoms only
    drill.hint()              # where to look; each call one step further
    drill.check()             # both clouds read again: is it mended, and is all else as it was?

A drill's state is in the practice clouds: a kernel that is started again loses nothing but the count of hints. To add
one, write it into data/drills.yaml, and a scenario of the same number into `sandbox.scenarios.DRILLS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import presence
from .chapters import CHAPTERS
from .display.tables import Table
from .exceptions import NotYet, ParamsError, Refused
from .params import DEMO, Params, load, shown_path
from .regions import data_file

if TYPE_CHECKING:
    from .runbook import Runbook

FOLDER = DEMO.parent.parent / "outputs" / "drills"  # ignored by git, and not where a batch looks for partners
CALLS = ("0123456789", "+33123456789", "+14155550123")  # as a person at the site dials them
LATE = 0.05  # seconds until what comes late in a real org is there, while a drill is prepared
STRANGER = "sip:calls@old-pbx.example.com"


@dataclass(frozen=True)
class Drill:
    """One drill, as data.

    `ticket` tells symptoms only; its first sentence stands in lists. `hints`: where to look, which row, which setting
    and how to mend it. `asks` are statements that must hold in the end, each with the checks it stands for: names of
    the cross-check's rules or of the pre-check's rows, or "call NUMBER". `edits` is what a colleague did by hand.
    `evidence`: others can put it right, if told one of these words.
    """

    number: str
    name: str
    ticket: str
    hints: tuple[str, str, str]
    asks: tuple[tuple[str, tuple[str, ...]], ...]
    lesson: str
    edits: Callable[[Runbook], None] | None = None
    evidence: tuple[str, ...] = ()

    @property
    def scenario(self) -> str:
        return f"drill-{self.number}"


# ---------------------------------------------------------------- what a colleague did by hand


def _site(run: Runbook) -> str:
    from .resources import site

    return str(run._ctx.require(site).id)


def _no_international(run: Runbook) -> None:
    from .clouds.genesys import pages

    telephony, home = run.clouds.genesys.telephony, _site(run)
    for route in pages(telephony.get_telephony_providers_edges_site_outboundroutes, home):
        if route.name == run.params.route_name:
            route.classification_types = [c for c in route.classification_types if c != "International"]
            telephony.put_telephony_providers_edges_site_outboundroute(home, route.id, route)


def _change_trunk(run: Runbook, **settings: Any) -> None:
    """Change settings of the BYOC trunk as its page in the admin UI does."""
    from .clouds.genesys import pages
    from .params import digest_password
    from .resources import byoc_trunk

    telephony, name = run.clouds.genesys.telephony, run.params.trunk_name
    listed = next(b for b in pages(telephony.get_telephony_providers_edges_trunkbasesettings, name=name) if b.name == name)
    body = telephony.get_telephony_providers_edges_trunkbasesetting(listed.id)
    # No read returns the password, and a write without it would take it away.
    for key, value in {**settings, byoc_trunk.PASSWORD: digest_password(run.params).reveal()}.items():
        body.properties[key]["value"]["instance"] = value
    telephony.put_telephony_providers_edges_trunkbasesetting(listed.id, body)


def _omit_plus_and_foreign_caller(run: Runbook) -> None:
    _change_trunk(run, trunk_outboundIdentity_calledAddress_omitPlusPrefix=True, trunk_outboundIdentity_callingAddress="+33187654321")


def _narrow_access(run: Runbook) -> None:
    _change_trunk(run, trunk_access_acl_allowList=sorted(run.params.access_list)[1:])


def _twilio_trunk(run: Runbook) -> Any:
    wanted = run.params.termination_uri.lower()
    trunk = next((t for t in run.clouds.twilio.trunking.trunks.list(page_size=100) if (t.domain_name or "").lower() == wanted), None)
    if trunk is None:
        raise NotYet(f"There is no Twilio trunk {wanted}. Run chapter 03 with the drill's params file, or drill.reset().")
    return trunk


def _number_off(run: Runbook) -> None:
    for number in _twilio_trunk(run).phone_numbers.list():
        number.delete()


def _address_gone(run: Runbook) -> None:
    (acl,) = _twilio_trunk(run).ip_access_control_lists.list()
    addresses = run.clouds.twilio.sip.ip_access_control_lists(acl.sid).ip_addresses.list()
    max(addresses, key=lambda a: a.ip_address).delete()


def _second_url(run: Runbook) -> None:
    trunk = _twilio_trunk(run)
    ours = trunk.origination_urls.list()[0]
    trunk.origination_urls.create(weight=ours.weight, priority=ours.priority, enabled=True, friendly_name="Old PBX", sip_url=STRANGER)


# ---------------------------------------------------------------- the drills


EDITS: dict[str, Callable[[Runbook], None]] = {
    "no_international": _no_international,
    "number_off": _number_off,
    "address_gone": _address_gone,
    "omit_plus_and_foreign_caller": _omit_plus_and_foreign_caller,
    "narrow_access": _narrow_access,
    "second_url": _second_url,
}


def _drill(entry: Mapping[str, Any]) -> Drill:
    first, second, third = entry["hints"]
    return Drill(entry["number"], entry["name"], entry["ticket"], (first, second, third),
                 tuple((what, tuple(names)) for what, names in entry["asks"].items()), entry["lesson"],
                 EDITS[entry["edits"]] if "edits" in entry else None, tuple(entry.get("evidence", ())))


DRILLS: tuple[Drill, ...] = tuple(_drill(entry) for entry in data_file("drills.yaml"))


def find_drill(wanted: str) -> Drill:
    """The drill of this number or name.

    Raises:
        ParamsError: there is none; the sentence lists them.
    """
    said = str(wanted).strip().lower()
    for drill in DRILLS:
        if said in (drill.number, drill.name, drill.scenario):
            return drill
    raise ParamsError(f'which_drill: there is no drill "{wanted}". Drills: {", ".join(f"{d.number} {d.name}" for d in DRILLS)}.')


def listing() -> Table:
    """All drills: number, name, and the first sentence of the ticket; calls no cloud."""
    return Table(["Drill", "Name", "The ticket begins"], [[d.number, d.name, first_sentence(d)] for d in DRILLS], "Drills on the practice clouds")


def first_sentence(drill: Drill) -> str:
    return f"{drill.ticket.split('. ')[0].removesuffix('.')}."


# ---------------------------------------------------------------- one drill, opened


def open_drill(which: str, target: str = "sandbox") -> OpenDrill:
    """Open a drill by number or name: prepare its org on the practice clouds, or find it as it was left.

    Raises:
        ParamsError: there is no such drill.
        Refused: target is not sandbox: a drill breaks things on purpose. Nothing was called.
    """
    from .redaction import guard_kernel

    guard_kernel()
    if target != "sandbox":
        raise Refused(f'target is "{target}": drills break things on purpose, so they exist on the practice clouds only. Nothing was called. '
                      "Set target back to sandbox.")
    opened = OpenDrill(find_drill(which))
    opened.prepare()
    return opened


class OpenDrill:
    """A drill at work: `ticket`, `hint`, `check`; `ask` has somebody else mend what is theirs, `reset` begins anew."""

    def __init__(self, drill: Drill):
        self.drill = drill
        self._hints = 0

    def __repr__(self) -> str:
        return repr(self.ticket())

    @property
    def path(self) -> Path:
        """The drill's params file. What the trainee writes into it stays, until the org is prepared anew."""
        return FOLDER / f"{self.drill.scenario}.yaml"

    @property
    def params_file(self) -> str:
        """What to write into a chapter's `params_file`."""
        home = DEMO.parent.parent
        return self.path.relative_to(home).as_posix() if self.path.is_relative_to(home) else str(self.path)

    @cached_property
    def _first(self) -> Params:
        """The params the org was made with: the guide's example, with what must be the drill's own."""
        own = self.drill.scenario
        return load(DEMO).model_copy(update={"partner": f"Drill {self.drill.number}", "scenario": own, "identifier": own, "termination_domain": own})

    @property
    def params(self) -> Params:
        """The params as they are in the file now.

        Raises:
            ParamsError: a value is wrong, or the file is not of this drill any more.
            Refused: target was changed to live.
        """
        now, first = load(self.path), self._first
        if now.target != "sandbox":
            raise Refused(f"{shown_path(self.path)}: target is {now.target}, but drills exist on the practice clouds only. Nothing was called.")
        for key in ("partner", "scenario"):
            if getattr(now, key) != getattr(first, key):
                raise ParamsError(f'{shown_path(self.path)}: {key} is "{getattr(now, key)}", but this drill\'s is "{getattr(first, key)}". Put it back.')
        return now

    # ------------------------------------------------------------ its org

    def prepare(self) -> None:
        """Make the org if there is none, or one that was not finished; else leave all as it is."""
        with self._alone():
            ready = self._ready()
            if not ready or not self.path.exists():
                self._write_params()
            if not ready:
                self._build()

    def reset(self) -> Table:
        """Throw the drill's org and params file away, prepare both anew, and show the ticket."""
        with self._alone():
            self._forget()
            self._write_params()
            self._build()
        self._hints = 0
        return self.ticket()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two notebooks that open the same drill make one org."""
        from filelock import FileLock

        try:
            FOLDER.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParamsError(f"{shown_path(self.path)}: the drill's params file can't be written there ({error.strerror}). Check the folder's permissions.") from None
        with FileLock(FOLDER / f".{self.drill.scenario}.lock", timeout=120):
            yield

    def _tenant(self) -> dict[str, Any] | None:
        from .sandbox import ensure_running

        tenants = ensure_running().control("GET", "/_sandbox/tenants")["tenants"]
        return next((t for t in tenants if t["name"] == self._first.slug), None)

    def _ready(self) -> bool:
        """Is the org in the drill's scenario, which it comes into last of all, and not an empty one that a chapter made?"""
        from .resources import site

        tenant = self._tenant()
        if tenant is None or tenant["settings"]["scenario"] != self.drill.scenario:
            return False
        try:
            return bool(self._run(self._first)._ctx.require(site))
        except NotYet:
            return False

    def _forget(self) -> None:
        from urllib.parse import quote

        from .sandbox import ensure_running

        if self._tenant():
            ensure_running().control("DELETE", f"/_sandbox/tenants/{quote(self._first.slug, safe='')}")

    def _write_params(self) -> None:
        from .draft import to_yaml

        about = f"# The params of drill {self.drill.number}, made by notebooks/09_drills.ipynb. What you change here counts; drill.reset() puts it back."
        body = [line for line in to_yaml(self._first).splitlines() if not line.startswith("# yaml-") and "Made by the form" not in line]
        self.path.write_text("\n".join([about, *body]) + "\n", "utf-8")

    def _build(self) -> None:
        """Run the chapters as for any partner, let the colleague at it, and last bring the org into the drill's scenario."""
        from .sandbox import ensure_running

        self._forget()
        params, box = self._first.model_copy(update={"scenario": "healthy"}), ensure_running()
        run = self._run(params)
        assert run.clouds._practice  # makes the org
        box.configure(params.slug, late_seconds=LATE)
        waits = {"location": "wait_verified", "site": "wait_site_defaults", "byoc_trunk": "wait_in_service"}
        for chapter in CHAPTERS:
            run = self._run(params, chapter.number)
            for kind in chapter.kinds:
                run.apply(kind)
                if kind in waits:
                    getattr(run, waits[kind])()
        if self.drill.edits:
            self.drill.edits(self._run(params))
        box.configure(params.slug, scenario=self.drill.scenario, late_seconds=None)
        self._run(self._first).clouds.genesys.authorization.get_authorization_products()  # a colleague's deed is done at the next login

    @staticmethod
    def _run(params: Params, number: str = "08") -> Runbook:
        from .chapters import find_chapter
        from .runbook import Runbook

        return Runbook(find_chapter(number), params)

    # ------------------------------------------------------------ the trainee's

    def ticket(self) -> Table:
        """What the users say, and where the org is."""
        rows = [["The users say", self.drill.ticket],
                ["To look at the org", f'In chapters 01, 06 and 08, set params_file to "{self.params_file}" and run them'],
                ["To mend it", "Run the chapter that owns the setting with the same params_file. Is it somebody else's? drill.ask(\"what you found\")"],
                ["To begin anew", "drill.reset()"]]
        return Table(["Ticket", ""], rows, f"Drill {self.drill.number}: {self.drill.name}")

    def hint(self) -> Table:
        """The hints so far, one more with each call: where to look, which row, which setting.

        A run without people shows only the first, so that a notebook kept or sent on does not give the rest away.
        """
        all_of_them = self.drill.hints
        self._hints = min(self._hints + 1, len(all_of_them)) if presence.somebody_is_there() else 1
        steps = ("Where to look", "Which row", "Which setting, and how to mend it")
        rows = [[f"{i} of {len(all_of_them)}", steps[i - 1], said] for i, said in enumerate(all_of_them[:self._hints], 1)]
        return Table(["Hint", "About", ""], rows, f"Drill {self.drill.number}: run the cell again for the next hint" if self._hints < len(all_of_them)
                     else f"Drill {self.drill.number}: all hints")

    def ask(self, evidence: str = "") -> str:
        """Ask everybody else (Genesys Cloud Care, the network people, the colleague) to put right what is theirs; what they say.

        `evidence` is what you found, in your words: a case that says "it does not work" is sent back.
        """
        from .sandbox import ensure_running

        if not evidence.strip():
            return 'They ask back: what did you find? Say which part it is and what it reports, e.g. drill.ask("chapter 08 says 503 for the trunk").'
        if not any(word in evidence.lower() for word in self.drill.evidence):
            return "They have looked, and see nothing on their side that this explains."
        ensure_running().mend(self._first.slug)
        return "They have looked, and put right what was theirs. Run drill.check()."

    @property
    def twilio_trunk(self) -> Any:
        """The drill's trunk as Twilio's SDK gives it, for what no chapter does.

        Raises:
            NotYet: there is none.
        """
        return _twilio_trunk(self._run(self.params))

    def check(self) -> Table:
        """Read both clouds again: a row a statement, whether it is mended and all else is as it was; never raises for what is not.

        The lesson comes when every row holds.

        Raises:
            ParamsError, Refused: the params file is wrong, or not of this drill any more.
            CloudError: a cloud could not be read.
        """
        from .checkpoints import Statement
        from .display import objects

        params = self.params
        seen, wanted = self._looked_at(params), {name for _, names in self.drill.asks for name in names}
        said = []
        for what, names in self.drill.asks:
            holds = all(seen.get(name, False) for name in names)
            said.append(Statement(what, "so" if holds else "not so", holds, "" if holds else "Go on looking: chapters 01, 06 and 08, or drill.hint()."))
        others = {name: passed for name, passed in seen.items() if name not in wanted}
        broken = [name for name, passed in others.items() if not passed]
        said.append(Statement("Nothing else is broken", f"failed: {', '.join(broken)}" if broken else f"{len(others)} other checks passed", not broken,
                              "Chapters 01, 06 and 08 tell what each means; drill.reset() begins anew." if broken else ""))
        less = self._asks_for_less(params)
        said.append(Statement("The params ask for all they asked for", f"less in: {', '.join(less)}" if less else "so", not less,
                              f"Leaving out what fails mends nothing. Put it back into {self.params_file}." if less else ""))
        table = objects.statement_table(said, f"Drill {self.drill.number}, {self.drill.name}")
        done = all(s.holds for s in said)
        last = ["What this drill teaches", self.drill.lesson if done else "told when every row holds", "✔ solved" if done else "✘ not yet", ""]
        return Table(table.columns, [*table.rows, last], table.caption, table.data)

    def _looked_at(self, params: Params) -> dict[str, bool]:
        """Every rule of the cross-check, row of the pre-check, and call of the drill, by name: does it pass?"""
        from . import crosscheck, precheck
        from .dialplan import simulate

        run = self._run(params)
        facts = crosscheck.read(run._ctx)
        seen = {c.name: c.passed for c in (*precheck.run(run._ctx), *crosscheck.judge(facts))}
        for number in CALLS:
            decision = simulate(number, facts.dialplan) if facts.dialplan else None
            seen[f"call {number}"] = bool(decision and decision.ok and params.trunk_name in decision.trunks)
        return seen

    def _asks_for_less(self, params: Params) -> list[str]:
        """Parameters from which something was taken that the org was made with."""
        first = self._first
        return [key for key in ("phone_numbers", "classifications", "assignments", "number_plans")
                if any(item not in getattr(params, key) for item in getattr(first, key))]
