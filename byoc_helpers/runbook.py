"""What a chapter's cells call: one `Runbook`, a few verbs, a table each.

    run = open_chapter("04_byoc_trunk", globals())   # checks the parameters, before anything is called
    run.apply("byoc_trunk")                          # create, update or leave; returns the object as a table
    run.recap()                                      # the chapter in one table
"""

from __future__ import annotations

import ast
import functools
import itertools
import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar
from urllib.parse import quote

from . import (
    chapters,
    checkpoints,
    crosscheck,
    dialplan,
    precheck,
    presence,
    probes,
    reconcile,
    signalling,
    teardown,
)
from .admin_links import Links, find_page
from .clouds import Clouds
from .consent import Foresight
from .display import objects, pictures
from .display.confirm import Confirmation
from .display.pictures import Picture
from .display.tables import Table, text
from .display.waiting import waiting
from .exceptions import CheckFailed, DeadlineExceeded, Forbidden, NotYet, ParamsError, Refused
from .machine import alone
from .params import DEMO, SECRET_KEYS, Params, find_file, load, plain, validate, warnings
from .presence import DESTROY_VARIABLE, PLAN_VARIABLE
from .redaction import guard_kernel
from .regions import data_file
from .resources.base import Context, Kind
from .secrets import learn

T = TypeVar("T")
AT_ONCE = 0.5  # seconds: nobody else had the lock
WAIT = {"sandbox": 30.0, "live": 300.0}  # seconds for what the clouds do later


def _when_there(verb: Callable[..., T]) -> Callable[..., T | str]:
    """In plan mode, what isn't there yet is a sentence, not an error; waiting is left out."""

    @functools.wraps(verb)
    def wrapped(self: Runbook, *arguments: Any) -> T | str:
        if not self.planning:
            return verb(self, *arguments)
        if verb.__name__.startswith("wait"):
            return "Plan: nothing was changed, so there is nothing to wait for."
        try:
            return verb(self, *arguments)
        except (NotYet, CheckFailed) as error:
            return f"Plan: {error}"

    return wrapped


def open_chapter(name: str, namespace: Mapping[str, Any]) -> Runbook:
    """Check a notebook's parameters and open its chapter.

    Args:
        name: the notebook's file name without its ending, e.g. "04_byoc_trunk".
        namespace: the notebook's `globals()`.

    Raises:
        ParamsError: a value is missing, of the wrong type or wrong; one sentence each. Nothing was called.
    """
    guard_kernel()
    chapter = chapters.find_chapter(name)
    source = f"the parameters of {chapter.name}"
    given = _injected(namespace.get("In") or [])
    unknown = [n for n in given if n not in Params.model_fields]
    if unknown:
        raise ParamsError([f"{source}: {n} is not a parameter of the runbook.{_near(n)} Mend the name or remove it." for n in unknown])
    values = {key: namespace[key] for key in Params.model_fields if key in namespace}
    if isinstance(values.get("params_file"), str) and values["params_file"]:
        values = _from_file(values, given, source)
        source = values["params_file"]
    elif "partner" in given:
        # Of another partner: what was not given takes its default, never the example's value that stands in the cell.
        values = {key: values[key] for key in given}
    params = validate(values, source=source, only=chapter.fields)
    learn(getattr(params, key, "") for key in SECRET_KEYS)
    return Runbook(chapter, params)


def _from_file(values: Mapping[str, Any], given: list[str], source: str) -> dict[str, Any]:
    """The values of the file that `params_file` names, in place of the cell's own; what papermill gave stays.

    A line of the cell that somebody edited is refused, not ignored: one that has neither the example's value nor the file's.
    """
    name = values["params_file"]
    path = find_file(name)
    held, example = load(path), load(DEMO) if DEMO.exists() else None
    if "partner" in given and values["partner"] != held.partner:
        raise ParamsError(f"{source}: params_file names {name}, which is of partner {held.partner}, but the parameters given "
                          f"are of {values['partner']}. Empty params_file in the notebook.")
    edited = [key for key in values if key != "params_file" and key not in given
              and values[key] not in (plain(held, key), plain(example, key) if example else values[key])]
    if edited:
        raise ParamsError([f"{source}: {key} was edited here, but params_file is set, so {name} decides. Write it into that file "
                           "and put the line here back, or empty params_file." for key in edited])
    return {**held.model_dump(), **{key: values[key] for key in given if key in values}, "params_file": name}


def _injected(history: list[str]) -> list[str]:
    """Names that papermill's injected cell assigns: it takes misspelt ones without complaint."""
    cells = [source for source in history if source.startswith("# Parameters\n")]
    if not cells:
        return []
    return [t.id for node in ast.parse(cells[-1]).body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)]


def _near(name: str) -> str:
    near = get_close_matches(name, Params.model_fields, n=2)
    return f" Did you mean {' or '.join(near)}?" if near else ""


class Runbook:
    """An opened chapter."""

    def __init__(self, chapter: chapters.Chapter, params: Params):
        self.chapter, self.params = chapter, params
        self.clouds = Clouds(params)
        self._ctx = Context(params, self.clouds)
        self.outcomes: list[reconcile.Outcome] = []
        self.planned: list[reconcile.Change] = []
        self.simulations: list[dialplan.Simulation] = []
        self.checks: list[precheck.Check] = []
        self.probed: list[precheck.Check] = []
        self._removed: list[teardown.Removal] | None = None
        self._facts: crosscheck.Facts | None = None
        self._looked_back = False
        self._foresight = Foresight(chapter)
        self._may_call = False

    # ------------------------------------------------------------ showing

    def parameters(self) -> Table:
        """The parameters this chapter uses, as checked, and what follows from them."""
        p, rows = self.params, []
        for key in self.chapter.fields:
            value = getattr(p, key)
            if value not in ("", [], False):
                rows.append([key, text(plain(p, key)), Params.model_fields[key].description or ""])
        follows = (("inbound_fqdn", ("identifier",), "follows: where Twilio sends calls"),
                   ("termination_uri", ("termination_domain",), "follows: where Genesys Cloud sends calls"))
        rows += [[key, getattr(p, key), why] for key, needs, why in follows if set(needs) <= set(self.chapter.fields)]
        rows += [[f"note on {key}", "", said] for key, _, said in (w.partition(": ") for w in warnings(p))]
        where = "the practice clouds: nothing real is touched" if p.target == "sandbox" else "LIVE CLOUDS"
        return Table(["Parameter", "Value", "Meaning"], rows, f"Chapter {self.chapter.number} for {p.partner} on {where}{f', from {p.params_file}' if p.params_file else ''}")

    @property
    def planning(self) -> bool:
        """Is this a plan, which changes nothing?"""
        return self.params.mode == "plan"

    def recap(self) -> Table:
        """What this chapter did, a row an object; in plan mode, what it would do."""
        if self.planning:
            return objects.plan_table(self.planned)
        return objects.recap_table(self.outcomes, f"Chapter {self.chapter.number}, {self.chapter.title}")

    @_when_there
    def checkpoint(self) -> Table | str:
        """What you should now see: a row a statement, looked up in the clouds; never raises for what is missing or wrong.

        A run without people takes what it read back since its last write; by hand, and when asked again, all is read anew.
        """
        if self.planning and (self.chapter.kinds or self.chapter == chapters.TEARDOWN):
            return "Plan: nothing was changed, so there is nothing new to see."
        caption = f"Checkpoint of chapter {self.chapter.number}"
        fresh = self._looked_back or presence.somebody_is_there()
        self._looked_back = True
        try:
            return objects.statement_table(self._statements(fresh), caption)
        except Forbidden as error:
            raise self._with_permissions(error) from None

    def _statements(self, fresh: bool) -> list[checkpoints.Statement]:
        number = self.chapter.number
        if number == "01":
            return checkpoints.of_checks(self.checks, checkpoints.PRECHECK, "run.precheck()")
        if number == "06":
            return checkpoints.of_simulations(self.simulations, self._ctx.once("dialplan", self.dialplan).country)
        if number == "08":
            return checkpoints.of_checks(self.checks, checkpoints.CROSS_CHECK, "run.cross_check()")
        if number == "99":
            return [checkpoints.nothing_left(teardown.listing(self._ctx) if fresh or self._removed is None else self._removed)]
        if fresh:
            self._ctx.forget()
        return checkpoints.statements(number, checkpoints.Look(self._ctx, () if fresh else self.outcomes))

    @functools.cached_property
    def _approved(self) -> Callable[[reconcile.Change], None] | None:
        if PLAN_VARIABLE not in os.environ:
            return None
        from .plans import Approved  # that module makes plans with this one

        return Approved.of_environment(self.params)

    def picture(self) -> Picture:
        """The path of the partner's calls through both clouds, each part done, missing, wrong or not looked at; never raises for those."""
        from . import call_path

        return call_path.picture(self._ctx, self.chapter, self.outcomes, self.planned)

    def admin_page(self, *names: str) -> Links:
        """Links to pages of the admin UIs in the org's region, e.g. "sites", "trunks", "ip_acls"; calls no cloud.

        For the practice clouds also their own page, which shows the same objects: its address to people, how to learn it otherwise.

        Raises:
            ParamsError: there is no such page; the sentence lists them.
        """
        p = self.params
        pages = [find_page(name, p.region) for name in names]
        if p.target == "live":
            return Links(pages)
        if not presence.somebody_is_there():
            return Links(pages, "On the practice clouds their own page shows the same objects; the command byoc sandbox status tells its address. On a live org these pages:")
        from .sandbox import ensure_running

        assert self.clouds._practice  # makes the org, which its page shows
        own = f"{ensure_running().url}/tenants/{quote(p.slug, safe='')}"
        return Links(pages, "On a live org these pages:", (own, f"The practice clouds of {p.partner}, as an admin sees them"))

    # ------------------------------------------------------------ doing

    def plan(self) -> Table:
        """What the chapter would change, setting by setting, before anything happens; reads, and changes nothing.

        What an earlier object of the same chapter must exist for is compared once that is made.
        """
        self._looked_back |= bool(self.outcomes)  # what was read back is no longer the latest
        try:
            table = objects.plan_table(self._foresight.look(self._ctx))
        except Forbidden as error:
            raise self._with_permissions(error) from None
        return Table(table.columns, table.rows, table.caption, {"plan": table.data["plan"]})  # the recap comes at the end

    def confirm(self) -> Confirmation | str:
        """On a live org and by hand: asks before the plan is carried out, with a button. Elsewhere a sentence says why nobody is asked.

        What was confirmed is what may be written, and nothing else. In chapter 08 the question is the test call.

        Raises:
            Refused: there is no plan to confirm yet.
        """
        p = self.params
        if self.planning:
            return "Plan: nothing will be changed, so nothing is asked."
        if p.target == "sandbox":
            return "The practice clouds: nothing real is touched, so nothing is asked. Run the cells below."
        if not presence.somebody_is_there():
            return "Live, without people: the word --live was given for this run, so nothing is asked."
        if self.chapter.number == "08":
            return self._no_test_call or self._confirm_test_call()
        return self._foresight.ask(p)

    def _confirm_test_call(self) -> Confirmation:
        def agreed() -> None:
            self._may_call = True

        p = self.params
        return Confirmation(f"Call {p.phone_numbers[0]} from {p.test_call_from} through the LIVE Twilio account {p.twilio_account_sid}?",
                            [self.price_test_call()], "Place one call, which costs money", agreed)

    def _allow(self, change: reconcile.Change) -> None:
        if self._approved:
            self._approved(change)
        self._foresight.allow(change, self.params)

    def apply(self, kind: str) -> Table:
        """Bring every object of this kind to its wanted state, and show it as the cloud returns it.

        In plan mode nothing is changed: the table shows what would be.
        """
        module = chapters.kind(kind)
        written = any(o.action != "unchanged" for o in self.outcomes)
        known = None if written else self._foresight.still_true(kind)
        if known is None:
            self._ctx.refresh()
        if self.planning:
            changes = known if known is not None else reconcile.preview(self._ctx, module)
            self.planned += changes
            return objects.plan_table(changes)
        if known and all(c.action == "unchanged" and c.found and not c.refused for c in known):
            return self._done([reconcile.Outcome(c.kind, c.want, c.found, "unchanged") for c in known if c.found], module)
        with alone(self.params, WAIT[self.params.target]) as waited:
            self._ctx.refresh()
            self._ctx.forget(module if waited < AT_ONCE else None)  # another run may have changed anything meanwhile
            return self._applied(module)

    def _applied(self, module: Kind) -> Table:
        try:
            return self._done([reconcile.apply(self._ctx, module, want, self._allow) for want in module.desired(self._ctx)], module)
        except Forbidden as error:
            raise self._with_permissions(error) from None

    def _done(self, done: list[reconcile.Outcome], module: Kind) -> Table:
        self.outcomes += done
        if not done:
            return Table(["Object", "Result"], [[module.KIND, "nothing asked for in the params"]])
        return objects.outcome_table(done)

    def _with_permissions(self, error: Forbidden) -> Forbidden:
        needed = data_file("permissions.yaml")["chapters"][self.chapter.name]
        listed = "; ".join(f"{side}: {', '.join(what)}" for side, what in needed.items() if what)
        return Forbidden(f"{error} This chapter needs {listed}.", cloud=error.cloud, status=error.status,
                         code=error.code, correlation_id=error.correlation_id, call=error.call)

    # ------------------------------------------------------------ chapter 01

    def precheck(self) -> Table:
        """Run every check and show the table; `require_passed` then fails the notebook if one failed."""
        self._ctx.forget()
        self.checks = precheck.run(self._ctx)
        return objects.check_table(self.checks)

    def require_passed(self) -> str:
        """A sentence if every check passed.

        Raises:
            CheckFailed: at least one did not, or none was made yet; a line each, with what to do.
        """
        if not self.checks:
            raise CheckFailed("Nothing was checked yet: run the cell run.precheck() above first.")
        error = precheck.failures(self.checks)
        if error:
            raise error
        return f"All {len(self.checks)} checks passed: go on with chapter 02."

    # ------------------------------------------------------------ chapter 02

    @_when_there
    def wait_verified(self) -> Table:
        """Wait until the location's address is verified, and show it as the cloud has it.

        Raises:
            CheckFailed: the service found no such address.
            DeadlineExceeded: it is still checking.
        """
        from .resources import location

        looks = itertools.count()

        def verified() -> Any:
            entity = location.read(self._ctx, home.id)
            if entity is None:
                raise CheckFailed(f'The location "{home.name}" was deleted meanwhile. Run this chapter again.')
            details = entity.address_verification_details
            tell(f"verification {details.status}" if details else "")
            if details and details.status == "Failed" and next(looks) >= 3:  # the first looks may still tell of the address before
                raise CheckFailed(f'The address of location "{entity.name}" could not be verified: {self.params.street}, '
                                  f"{self.params.postal_code} {self.params.city}, {self.params.country}. Mend street, city, "
                                  "postal_code and country in the params so that they name a real place, and run this chapter again.")
            return entity if entity.address_verified else None

        self._ctx.refresh()
        home = self._ctx.require(location)
        with waiting(f'Waiting for the address of "{self.params.location_name}"', WAIT[self.params.target]) as tell:
            entity = reconcile.poll(verified, f'The address of location "{self.params.location_name}" is still being verified. '
                           "Run this chapter again in some minutes.", WAIT[self.params.target], again=functools.partial(self._ctx.forget, location))
        address, details = entity.address, entity.address_verification_details
        rows = [["Address Verified", "addressVerified", text(bool(entity.address_verified))],
                ["Verification", "addressVerificationDetails.status", text(details.status if details else None)],
                ["Address", "address", text([address.street1, address.city, address.zipcode, address.country])]]
        return Table(["Setting in the guide", "Property", "Value in the cloud"], rows, f"{entity.name} is verified")

    @_when_there
    def wait_site_defaults(self) -> str:
        """Wait for what the platform makes some seconds after a site: its default number plans and route.

        Raises:
            DeadlineExceeded: the default plans did not appear.
        """
        from .resources import number_plans, outbound_route, site

        def plans() -> list[Any] | None:
            found = number_plans.read(self._ctx, home.id)
            tell(f"{len(found)} so far")
            return found if number_plans.complete(found) else None

        self._ctx.refresh()
        home, again = self._ctx.require(site), functools.partial(self._ctx.forget, number_plans)
        with waiting(f'Waiting for the default number plans of "{self.params.site_name}"', WAIT[self.params.target]) as tell:
            found = reconcile.poll(plans, f'Site "{self.params.site_name}" has no default number plans yet. Run this chapter '
                                   "again in a minute; if they never come, look at Telephony – Sites – Number Plans.",
                                   WAIT[self.params.target], again=again)
        count = sum(p.name not in {c.name for c in self.params.number_plans} for p in found)

        def route() -> bool:
            return bool(outbound_route.read(self._ctx, home.id))

        try:
            with waiting("Waiting for the first outbound route", WAIT[self.params.target] / 3):
                reconcile.poll(route, "", WAIT[self.params.target] / 3, again=again)
        except DeadlineExceeded:
            return f"{count} default number plans are there; no default outbound route appeared (some orgs have none)."
        return f"{count} default number plans and the site's first outbound route are there."

    @_when_there
    def number_plans(self) -> Table:
        """The site's number plans, in the order they are tried."""
        from .resources import number_plans, site

        self._ctx.refresh()
        plans = number_plans.read(self._ctx, self._ctx.require(site).id)
        ours = {c.name for c in self.params.number_plans}
        rows = [[str(i), p.name, text(p.classification), text(p.match_type), number_plans.describe(p),
                 "from the params" if p.name in ours else "default"] for i, p in enumerate(plans, 1)]
        return Table(["Order", "Number plan", "Classification", "Match type", "Matches", "Origin"], rows,
                     f"Number plans of {self.params.site_name}")

    # ------------------------------------------------------------ chapter 04

    @_when_there
    def wait_in_service(self) -> Table:
        """Wait until the BYOC trunk's lines, one an edge, report in service.

        Raises:
            DeadlineExceeded: they did not.
        """
        from .resources import byoc_trunk

        self._ctx.refresh()
        with waiting(f'Waiting for the trunk "{self.params.trunk_name}"', WAIT[self.params.target]) as tell:
            lines = byoc_trunk.wait_in_service(self._ctx, WAIT[self.params.target], tell)
        rows = [[text(t.name), text(t.edge.name if t.edge else None), text(bool(t.in_service)), text(bool(t.enabled)),
                 text(t.connected_status.connected if t.connected_status else None)] for t in sorted(lines, key=lambda t: t.name or "")]
        return Table(["Trunk", "Edge", "In service", "Enabled", "Connected"], rows, f"{self.params.trunk_name} is in service")

    # ------------------------------------------------------------ chapter 05

    @_when_there
    def routes(self) -> Table:
        """The site's outbound routes, as they are now."""
        from .resources import byoc_trunk, outbound_route, site

        self._ctx.refresh()
        home, trunk = self._ctx.require(site), self._ctx.require(byoc_trunk)
        rows = [[r.name, text(bool(r.enabled)), text(sorted(r.classification_types or [])),
                 text([trunk.name if t.id == trunk.id else t.name or t.id for t in r.external_trunk_bases or []])]
                for r in sorted(outbound_route.read(self._ctx, home.id), key=lambda r: r.name)]
        return Table(["Outbound route", "Enabled", "Classifications", "Trunks"], rows, f"Outbound routes of {home.name}")

    # ------------------------------------------------------------ chapter 06

    def dialplan(self) -> dialplan.Dialplan:
        """The site's number plans, routes, trunks and edges, as plain data."""
        from .simulate import read_dialplan

        return read_dialplan(self._ctx)

    @_when_there
    def simulate(self, numbers: list[str] | None = None) -> Table:
        """What the site would do with each number; none given takes test_numbers."""
        self._ctx.refresh()
        plan = self._ctx.once("dialplan", self.dialplan)
        self.simulations = [dialplan.simulate(n, plan) for n in (self.params.test_numbers if numbers is None else numbers)]
        return objects.simulation_table(self.simulations)

    @_when_there
    def require_calls(self) -> str:
        """A sentence if every simulated number that can be called by its form would leave through a trunk.

        Emergency numbers, extensions and words are not counted: they may end otherwise and be right.

        Raises:
            CheckFailed: one would not, or none was simulated yet; a line each, with what to mend.
        """
        if not self.simulations:
            raise CheckFailed("Nothing was simulated yet: run the cell run.simulate() above first.")
        country = self._ctx.once("dialplan", self.dialplan).country
        real = [s for s in self.simulations if dialplan.is_phone_number(s.dialled, country)]
        failed = [f"{s.dialled}: {s.verdict}" for s in real if not s.ok]
        if failed:
            raise CheckFailed("\n".join(failed))
        return f"All {len(real)} national and international numbers would leave through a trunk."

    @_when_there
    def steps(self, number: str) -> Table:
        """Every rule that was tried for one number, and why it was passed over or matched."""
        result = dialplan.simulate(number, self._ctx.once("dialplan", self.dialplan))
        rows = [[str(i), s.kind, s.name, s.outcome, s.reason] for i, s in enumerate(result.steps, 1)]
        return Table(["Step", "What", "Name", "Outcome", "Why"], rows, f"{number}: {result.verdict}")

    @_when_there
    def sequence(self, direction: str, number: str = "") -> Picture | str:
        """The SIP messages of a call, "outbound" to a number as a person dials it, or "inbound", as the objects have it; nothing is sent.

        No number takes, outbound, the first that leaves; inbound, the trunk's own. A number that does not leave is a sentence.

        Raises:
            CheckFailed: in chapter 08, the two clouds were not read yet.
        """
        if direction not in ("outbound", "inbound"):
            raise ParamsError(f'direction is "{direction}": write "outbound" or "inbound".')
        comparing = self.chapter.number == "08"
        if comparing and self._facts is None:
            raise CheckFailed("Nothing was compared yet: run the cell run.cross_check() above first.")
        plan = self._facts.dialplan if comparing and self._facts else self._ctx.once("dialplan", self.dialplan)
        if plan is None:
            return "The site can't be read, so there is no call to show: see the table above."
        dialled = [number] if number and direction == "outbound" else self.params.test_numbers
        tried = [dialplan.simulate(n, plan) for n in dialled]
        leaving = next((s for s in tried if s.ok), None)
        if leaving is None:
            return f"{tried[0].dialled}: {tried[0].verdict} No SIP message is sent." if tried else "No number to call."
        ends = self._line(leaving.trunks[0])
        genesys, twilio = (signalling.GENESYS, ends.fqdn), (signalling.TWILIO, ends.server)
        if direction == "outbound":
            caption = f"Outbound: {leaving.dialled} is called from the site"
            return pictures.sequence(caption, genesys, twilio, signalling.outbound(ends, leaving.normalized or ""))
        return pictures.sequence(f"Inbound: {number or ends.caller} is called from the phone network", genesys, twilio, signalling.inbound(ends, number))

    def _line(self, trunk: str) -> signalling.Line:
        """The trunk's two ends: of both clouds where the cross-check has read them, of Genesys Cloud's objects otherwise."""
        from .simulate import trunk_settings

        p, facts = self.params, self._facts
        if facts is not None and facts.genesys is not None:
            return signalling.Line(facts.genesys.settings, signalling.fqdn(facts.genesys.settings, p.region, p.byoc_domain), facts.signalling, facts.twilio)
        settings = trunk_settings(self._ctx, trunk)
        known = p.region.practice_signalling if p.target == "sandbox" else ()
        return signalling.Line(settings, signalling.fqdn(settings, p.region), known)

    # ------------------------------------------------------------ chapter 08

    def cross_check(self) -> Table:
        """Read both clouds again and hold them against each other: a row a rule; `require_agreement` then judges."""
        self._ctx.forget()
        try:
            self._facts = crosscheck.read(self._ctx)
        except Forbidden as error:
            raise self._with_permissions(error) from None
        self.checks = crosscheck.judge(self._facts)
        return objects.check_table(self.checks)

    @_when_there
    def require_agreement(self) -> str:
        """A sentence if no rule of `cross_check` failed.

        Raises:
            CheckFailed: at least one did, or none was looked at yet; a line each, with what to do.
        """
        if not self.checks:
            raise CheckFailed("Nothing was compared yet: run the cell run.cross_check() above first.")
        error = precheck.failures(self.checks)
        if error:
            raise error
        warned = sum(c.warning for c in self.checks)
        return f"Both clouds agree on all {len(self.checks)} rules." + (f" {warned} of them are warnings: read them." if warned else "")

    @_when_there
    def ladder(self, number: str) -> Picture:
        """A number's way through the number plans, routes and trunks, as a picture: what was tried, in order, and how it ended."""
        return pictures.ladder(dialplan.simulate(number, self._ctx.once("dialplan", self.dialplan)))

    def probe(self) -> Table | str:
        """What the network says of the trunk's two ends: DNS, certificate, SIP OPTIONS; live only, and only with `probe: true`."""
        if not self.params.probe:
            return "Not asked for: probe is false."
        if self.params.target == "sandbox":
            return "Probes are for live orgs: the practice clouds have no SIP and no names in DNS, so there is nothing to ask."
        self.probed = probes.run(self.params)
        return objects.check_table(self.probed)

    def price_test_call(self) -> str:
        """What the test call would cost; it asks Twilio's pricing API and calls nobody."""
        return self._no_test_call or probes.price(self.clouds.twilio, self.params.phone_numbers[0], self.params.test_call_from)

    def test_call(self) -> Table | str:
        """Call the first number through Twilio, once, and show how that ended; live only, and only with `test_call_from`.

        Raises:
            Refused: by hand, and nobody has pressed the button of `confirm`, which counts for one call.
        """
        if said := self._no_test_call:
            return said
        if presence.somebody_is_there() and not self._may_call:
            raise Refused("Nobody was called: a call costs money. Press the button of the cell run.confirm() above, then run this cell again.")
        self._may_call = False
        return objects.check_table(probes.call(self.clouds.twilio, self.params.phone_numbers[0], self.params.test_call_from))

    @property
    def _no_test_call(self) -> str:
        if not self.params.test_call_from:
            return "Not asked for: test_call_from is empty."
        if self.params.target == "sandbox":
            return "Test calls are for live orgs: on the practice clouds nobody can call anybody."
        return "Plan: nobody is called." if self.planning else ""

    # ------------------------------------------------------------ chapter 99

    def removals(self) -> Table:
        """What a teardown would remove, in its order, and what it would leave and why; changes nothing."""
        return objects.removal_table(teardown.listing(self._ctx), tried=False)

    def remove(self) -> Table | str:
        """Remove what `removals` lists, after asking; what is in the way of one object doesn't stop the others.

        By hand it asks for the partner's name. Headless the answer is the environment variable BYOC_DESTROY with that
        name, which `byoc destroy --yes` sets.

        Raises:
            Refused: not confirmed; nothing was removed.
        """
        if self.planning:
            return "Plan: nothing is removed."
        self._confirm_removal()
        with alone(self.params, WAIT[self.params.target]):
            self._removed = teardown.remove_all(self._ctx)
        return objects.removal_table(self._removed, tried=True)

    def _confirm_removal(self) -> None:
        partner, said = self.params.partner, os.environ.get(DESTROY_VARIABLE)
        if said is None:
            where = "the practice clouds" if self.params.target == "sandbox" else "the LIVE CLOUDS"
            try:
                said = input(f'To remove the objects listed above from {where}, type the partner\'s name, "{partner}": ')
            except (NotImplementedError, EOFError):
                raise Refused(f"Nothing was removed. Headless, a teardown needs a word: `byoc destroy FILE --yes`, or "
                              f'{DESTROY_VARIABLE}="{partner}" in the environment.') from None
        if said.strip() != partner:
            raise Refused(f'Nothing was removed: the answer was not the partner\'s name, "{partner}".')

    def require_removed(self) -> str:
        """A sentence if everything the runbook made is gone.

        Raises:
            CheckFailed: something is still there; a line each, with what is in the way.
        """
        if self.planning:
            return "Plan: nothing is removed."
        if self._removed is None:
            raise CheckFailed("Nothing was removed yet: run the cell run.remove() above first.")
        obstacles = [f'{r.kind.KIND} "{r.want.name}": {r.obstacle}' for r in self._removed if r.obstacle]
        if obstacles:
            raise CheckFailed("\n".join(obstacles))
        left = sum(r.plan.action == "leave" for r in self._removed)
        return "Nothing that the runbook made is left." + (f" What stays ({left}) it was told to keep, or can't tell that it made: see the list." if left else "")

    # ------------------------------------------------------------ chapter 07

    @_when_there
    def numbers(self) -> Table:
        """Each purchased number: its pool and who answers it."""
        from .resources import did_pool

        self._ctx.refresh()
        rows = []
        for number in self.params.phone_numbers:
            did = did_pool.did(self._ctx, number)
            pool = did.did_pool if did else None
            owner = did.owner if did else None
            kind = {"USER": "person", "IVR_CONFIG": "inbound call route"}.get(did.owner_type or "", did.owner_type) if did else None
            rows.append([number, "yes" if pool else "no", text(kind), text(owner.name or owner.id if owner else None)])
        return Table(["Number", "In a DID pool", "Kind of owner", "Assigned to"], rows, "Numbers")
