"""The `byoc` command. Progress goes to stderr, results to stdout; exit code 0 done, 1 failed, 2 a plan with
changes, 130 interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from concurrent.futures import Executor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from . import batch, kernels
from .chapters import CHAPTERS, TEARDOWN, find_chapter
from .clouds import Clouds
from .display.progress import Progress, Terminal, heading
from .display.tables import visible
from .exceptions import NoSuchSecret, RunbookError, SecretError
from .machine import alone
from .params import load, password_problem, schema, warnings
from .partners import Partner, load_all
from .presence import DESTROY_VARIABLE, LIVE_VARIABLE, PLAN_VARIABLE
from .reconcile import Change
from .secrets import forget, redact, resolve, store, writable
from .shelf import Shelf

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Connect Genesys Cloud orgs to the phone network through Twilio, by notebook.")
params_app = typer.Typer(no_args_is_help=True, help="Check params files; print their JSON Schema.")
password_app = typer.Typer(no_args_is_help=True, help="The digest password that both clouds share.")
key_app = typer.Typer(no_args_is_help=True, help="The key that signs records.")
sandbox_app = typer.Typer(no_args_is_help=True, help="The practice clouds.")
app.add_typer(params_app, name="params")
app.add_typer(password_app, name="password")
app.add_typer(key_app, name="key")
app.add_typer(sandbox_app, name="sandbox")

progress = Terminal(stderr=True, highlight=False)
result = Terminal(highlight=False, soft_wrap=True)

Files = Annotated[list[Path], typer.Argument(help="Params files (YAML, or CSV with a row a partner), or folders of them.")]
Live = Annotated[bool, typer.Option("--live", help="The real clouds are meant, where a file says target: live.")]
Out = Annotated[str, typer.Option("--out", help="Folder for the records, or an address such as s3://bucket/records.")]
Sign = Annotated[str, typer.Option("--sign", help="Reference to the key that signs the records: env:, file: or keyring:.")]
OUTPUTS = str(batch.ROOT / "outputs")
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def run(
    files: Files,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="How many partners at a time.")] = 2 * (os.cpu_count() or 1),
    live: Live = False,
    only: Annotated[str, typer.Option(help="Run this chapter alone, e.g. 04.")] = "",
    start: Annotated[str, typer.Option("--from", help="Begin at this chapter.")] = "",
    mode: Annotated[str, typer.Option(help="apply or plan, for all partners, whatever their files say.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Leave out what a partner's last run passed.")] = False,
    scheduler: Annotated[str, typer.Option(help="A Dask scheduler, e.g. tcp://10.0.0.5:8786: its workers run the partners.")] = "",
    out: Out = OUTPUTS,
    sign: Sign = "",
    as_json: AsJson = False,
) -> None:
    """Run every chapter headless, partners side by side."""
    if not scheduler:
        kernels.warm_up()
    try:
        chapters = [find_chapter(only)] if only else [c for c in CHAPTERS if not start or c.number >= find_chapter(start).number]
    except KeyError as error:
        _fail(str(error.args[0]))
    if mode not in ("", "apply", "plan"):
        _fail(f'--mode is "{mode}". Write apply or plan.')
    loaded = [_in_mode(p, mode) for p in load_all(files, live, secrets_here=not scheduler)]
    _run(loaded, batch.Run(out, tuple(chapters), resume=resume, sign=sign), jobs, as_json, scheduler)


def _in_mode(partner: Partner, mode: str) -> Partner:
    if not mode:
        return partner
    return replace(partner, params=partner.params.model_copy(update={"mode": mode}), raw={**partner.raw, "mode": mode})


def _run(partners: list[Partner], plan: batch.Run, jobs: int, as_json: bool, scheduler: str = "") -> NoReturn:
    """Run, show the progress on stderr and the result on stdout, and end with the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a batch that is told to end does so as with Ctrl-C
    with Progress(partners, plan.chapters) as shown, _workers(scheduler, shown) as executor:
        results = batch.run_all(partners, plan, executor=executor, jobs=jobs, tell=shown.tell, done=shown.done)
    if as_json:
        result.print_json(json.dumps([_plain(r) for r in results]))
    else:
        for r in results:
            counts: dict[str, int] = {}
            for c in r.chapters:
                for what, n in c.recap.items():
                    counts[what] = counts.get(what, 0) + n
            recap = " ".join(f"{what.replace(' ', '_')}={n}" for what, n in counts.items() if n)
            failed = sum(c.status == "failed" for c in r.chapters) + bool(r.message and not r.interrupted)
            said = " ".join(filter(None, [f"{r.partner}: {r.status}", recap, f"failed={failed}", r.note and f"({r.note})"]))
            result.print(f"{said}\n  record: {_where(r.record)}", markup=False)
    states = {r.status for r in results}
    raise typer.Exit(130 if "interrupted" in states else 1 if "failed" in states else 0)


def _workers(scheduler: str, shown: Progress) -> contextlib.AbstractContextManager[Executor | None]:
    if not scheduler:
        return contextlib.nullcontext()
    from .cluster import Cluster

    return Cluster(scheduler, shown.tell)


@app.command()
def plan(
    files: Files,
    live: Live = False,
    out: Annotated[Path | None, typer.Option("--out", help="Save the plan here, to be approved and applied.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run would change, or has been changed by hand since; changes nothing.

    Exit code 0: nothing to do, 2: changes, 1: failed or refused.
    """
    from . import plans
    from .display import objects

    failed, planned, shown, total = False, [], [], dict.fromkeys(("create", "update", "delete", "unchanged", "refused"), 0)
    partners = load_all(files, live)
    if live:
        os.environ[LIVE_VARIABLE] = "yes"
    for partner in partners:
        progress.print(heading(partner))
        changes: list[Change] = []
        try:
            changes = plans.make(partner.params)
        except RunbookError as error:
            progress.print(f"{partner.params.partner}: {error}", style="red", markup=False)
            failed = True
            continue
        planned.append((partner, changes))
        counts = objects.plan_counts(changes)
        total = {key: total[key] + counts[key] for key in total}
        table = objects.plan_table(changes)
        shown.append({"partner": partner.params.partner, "counts": counts, "changes": [plans.plain(c) for c in changes],
                      "columns": list(table.columns), "rows": [list(r) for r in table.rows]})
        if not as_json:
            result.print(repr(table), markup=False)
    if as_json:
        result.print_json(json.dumps(shown, default=str))
    if out is not None and not failed and not total["refused"]:
        digest = plans.save(out, planned)
        progress.print(f"Saved as {out}, SHA-256 {digest}. To carry it out: byoc apply --plan {out}", markup=False)
    elif out is not None:
        progress.print("Not saved: a plan that would fail or be refused can't be applied.", style="red", markup=False)
    raise typer.Exit(1 if failed or total["refused"] else 2 if total["create"] + total["update"] + total["delete"] else 0)


@app.command("check")
def cross_check(
    files: Files,
    probe: Annotated[bool, typer.Option("--probe", help="Also ask DNS, certificates and both ends' SIP (live only).")] = False,
    live: Live = False,
    as_json: AsJson = False,
) -> None:
    """Hold both clouds against each other, a row a rule; changes nothing.

    Exit code 0: they agree, 1: a rule failed or a cloud could not be read.
    """
    from .runbook import Runbook

    failed, shown = False, list[dict[str, object]]()
    partners = load_all(files, live)
    if live:
        os.environ[LIVE_VARIABLE] = "yes"
    for partner in partners:
        progress.print(heading(partner))
        book = Runbook(find_chapter("08"), partner.params.model_copy(update={"probe": True}) if probe else partner.params)
        try:
            table = book.cross_check()
        except RunbookError as error:
            progress.print(f"{partner.params.partner}: {error}", style="red", markup=False)
            failed = True
            shown.append({"partner": partner.params.partner, "error": str(error), "checks": []})
            continue
        tables = [table, book.probe()] if probe else [table]
        failed |= any(not c.passed for c in (*book.checks, *book.probed))
        shown.append({"partner": partner.params.partner, "checks": [asdict(c) for c in book.checks], "probes": [asdict(c) for c in book.probed]})
        if not as_json:
            result.print("\n".join(t if isinstance(t, str) else repr(t) for t in tables), markup=False)
    if as_json:
        result.print_json(json.dumps(shown))
    raise typer.Exit(1 if failed else 0)


@app.command("apply")
def apply_plan(
    path: Annotated[Path, typer.Option("--plan", help="A plan that `byoc plan FILE --out PLAN` saved.")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="How many partners at a time.")] = 2 * (os.cpu_count() or 1),
    live: Live = False,
    out: Out = OUTPUTS,
    sign: Sign = "",
    as_json: AsJson = False,
) -> None:
    """Carry out a saved plan, exactly; or refuse, and say what has changed since it was made."""
    from . import plans

    digest, saved = plans.load(path)
    if not live and any(p.params.target == "live" for p, _ in saved):
        _fail(f"{path}: target is live. Add --live to say that the real clouds are meant.")
    if live:
        os.environ[LIVE_VARIABLE] = "yes"
    changed = []
    for partner, approved in saved:
        now = [plans.plain(c) for c in plans.make(partner.params)]
        changed += [f"{partner.params.partner}: {line}" for line in plans.moved(approved, json.loads(json.dumps(now, default=str)))]
    if changed:
        _fail("\n".join(["The plan is not applied, because this has changed since it was made:", *changed, "Make a new plan."]))
    progress.print(f"Plan {path}, SHA-256 {digest}: nothing has changed since it was made.", markup=False)
    environment = {PLAN_VARIABLE: f"{digest}:{path.resolve()}"}
    _run([_in_mode(p, "apply") for p, _ in saved], batch.Run(out, environment=environment, sign=sign), jobs, as_json)


@app.command()
def destroy(
    files: Files,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove what the list shows, without asking.")] = False,
    keep_domain: Annotated[bool, typer.Option("--keep-domain", help="Empty the Twilio trunk and leave it: its domain stays yours.")] = False,
    live: Live = False,
    out: Out = OUTPUTS,
    sign: Sign = "",
    as_json: AsJson = False,
) -> None:
    """Remove what the runbook made for a partner; shows the list first, and asks."""
    from .display import objects
    from .runbook import Runbook
    from .teardown import listing

    partners = load_all(files, live)
    if live:
        os.environ[LIVE_VARIABLE] = "yes"
    if keep_domain:
        partners = [replace(p, params=p.params.model_copy(update={"keep_domain": True}), raw={**p.raw, "keep_domain": True}) for p in partners]
    states, variables = set(), frozenset[str]().union(*(p.variables for p in partners))
    for partner in partners:
        params = partner.params
        progress.print(heading(partner))
        for line in objects.removal_lines(listing(Runbook(TEARDOWN, params)._ctx)):
            progress.print(visible(line), markup=False, soft_wrap=True)
        if not yes and (not sys.stdin.isatty() or typer.prompt(f"To remove these, type the partner's name, {params.partner}", err=True) != params.partner):
            progress.print(f"{params.partner}: nothing was removed. Headless, add --yes.", style="red", markup=False)
            states.add("refused")
            continue
        plan = batch.Run(out, (TEARDOWN,), environment={DESTROY_VARIABLE: params.partner}, hidden=variables, sign=sign)
        try:
            _run([partner], plan, 1, as_json)
        except typer.Exit as done:
            states.add({0: "passed", 130: "interrupted"}.get(done.exit_code, "failed"))
        if "interrupted" in states:
            break
    raise typer.Exit(130 if "interrupted" in states else 1 if states - {"passed"} else 0)


def _plain(r: batch.PartnerResult) -> dict:
    return {"partner": r.partner, "status": r.status, "record": _where(r.record), "message": r.message, "chapters": [
        {"chapter": c.chapter, "status": c.status, "seconds": round(c.seconds, 2), "recap": c.recap, "message": c.message}
        for c in r.chapters]}


def _where(record: str) -> str:
    if "://" in record:
        return record
    folder = Path(record).resolve()
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


@app.command()
def verify(
    places: Annotated[list[str], typer.Argument(help="Records, partners' folders, or the folder or address of all records.")],
    key: Annotated[Path | None, typer.Option("--key", help="The public key of those who signed, in PEM.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether records are whole and untouched, file by file. Exit code 0: all are, 1: something is wrong."""
    from .audit import manifest

    trusted, verdicts = manifest.public_key(key) if key else None, []
    for place in places:
        with Shelf(place).copy_here() as here:
            for folder in manifest.records(here):
                verdict = manifest.verify(folder, trusted, partner=here not in (folder, folder.parent))
                shown = place if folder == here else f"{place.rstrip('/')}/{folder.relative_to(here).as_posix()}"
                verdicts.append({"record": shown, "status": verdict.status, "whole": verdict.whole, "signed": verdict.signed,
                                 "findings": list(verdict.findings)})
                if not as_json:
                    said = f"whole; {verdict.signed}" if verdict.whole else "NOT WHOLE"
                    lines = [f"{shown}: {said}; the run {verdict.status}", *(f"  {f}" for f in verdict.findings)]
                    result.print("\n".join(line.replace("\n", "\ufffd") for line in lines), markup=False)
    if as_json:
        result.print_json(json.dumps(verdicts))
    raise typer.Exit(0 if all(v["whole"] for v in verdicts) else 1)


@app.command("report")
def write_report(
    place: Annotated[str, typer.Argument(help="A record: its folder or address.")],
    out: Annotated[Path | None, typer.Option("--out", help="File for the page; without it, to stdout.")] = None,
) -> None:
    """Make a record's page anew, from what the record holds. Never writes into a record: its manifest names every file."""
    from .audit import manifest, pages, report

    with Shelf(place).copy_here() as here:
        page = report.page(here, pages.predicate(here / manifest.MANIFEST))
    if out is None:
        sys.stdout.buffer.write(page.encode())
        return
    if any((folder / manifest.MANIFEST).exists() for folder in out.resolve().parents):
        _fail(f"{out} would be in a record, whose manifest names every file. Choose a place outside.")
    try:
        out.write_bytes(page.encode())
    except OSError as error:
        _fail(f"{out} can't be written ({error.strerror}).")
    progress.print(f"Written: {out}", markup=False)


@app.command("index")
def write_index(out: Annotated[Path, typer.Argument(help="The folder that holds all records.")] = Path(OUTPUTS)) -> None:
    """Make the page that lists all runs, index.html, anew."""
    from .audit import index

    result.print(str(index.write(out)), markup=False)


@key_app.command("new")
def new_key(
    reference: Annotated[str, typer.Argument(help="Where to keep the private key: keyring:SERVICE/USER.")],
    public: Annotated[Path, typer.Argument(help="File for the public key, which those who verify need.")],
) -> None:
    """Make an Ed25519 key, and keep it in the keychain. The private key is never shown."""
    from .audit import manifest

    writable(reference, key="key")
    try:
        resolve(reference, key="key", whole=True)
    except NoSuchSecret:
        private, shown = manifest.new_key()
        try:
            with public.open("xb") as file:
                file.write(shown)
        except OSError as error:
            _fail(f"{public} can't be written ({error.strerror}). No key was made.")
        try:
            store(reference, private, key="key")
        except SecretError:
            public.unlink()
            raise
    else:
        _fail(f"{reference} holds a key already. Nothing was changed.")
    result.print(f"Kept. To sign: byoc run … --sign {reference}. To verify: byoc verify … --key {public}", markup=False)


@password_app.command("generate")
def generate_password(reference: Annotated[str, typer.Argument(help="Where to keep it: keyring:SERVICE/USER.")]) -> None:
    """Make a digest password that meets both clouds' rules, and keep it in the keychain. It is never shown."""
    from .rotation import generate

    writable(reference, key="password")
    try:
        resolve(reference, key="password")
    except NoSuchSecret:
        store(reference, generate(), key="password")
    else:
        _fail(f"{reference} holds a password already. Nothing was changed. To replace it on both sides: byoc password rotate FILE.")
    result.print(f"Kept. In the params: digest_password: \"{reference}\"", markup=False)


@password_app.command("rotate")
def rotate_password(
    file: Annotated[Path, typer.Argument(help="The partner's params file.")],
    new: Annotated[str, typer.Option("--new", help="Reference to the new password; without it one is made, where digest_password is keyring:.")] = "",
    live: Live = False,
) -> None:
    """Change the digest password in both clouds, with no moment in which calls would be refused."""
    from .resources.base import Context
    from .rotation import WAIT, generate, prepare, rotate

    (partner,) = load_all([file], live)
    params, kept = partner.params, f"{partner.params.digest_password}.next"
    if live:
        os.environ[LIVE_VARIABLE] = "yes"
    if new:
        secret = resolve(new, key="--new")
    elif params.digest_password.startswith("keyring:"):
        try:
            secret = resolve(kept, key="digest_password")  # of a rotation that broke off
        except NoSuchSecret:
            secret = generate()
    else:
        _fail(f"digest_password is {params.digest_password}, which the runbook can't write. Say where the new password is: --new env:NAME.")
    problem = password_problem(secret.reveal())
    if problem:
        _fail(f"The new password is too weak for Twilio. {problem} Nothing was changed.")
    context = Context(params, Clouds(params))
    with alone(params, WAIT[params.target]):
        prepare(context)
        if not new:
            store(kept, secret, key="digest_password")  # from here on it must not be lost
        for line in rotate(context, secret):
            progress.print(line, markup=False)
    if new:
        result.print(f"Done. Now put the new password where the params point to: {params.digest_password}", markup=False)
    else:
        store(params.digest_password, secret, key="digest_password")
        forget(kept)
        result.print(f"Done. {params.digest_password} holds the new password.", markup=False)


@params_app.command("check")
def check(files: Files) -> None:
    """Check params files and that their secrets can be resolved; calls no cloud."""
    for partner in load_all(files, live=True):
        params = partner.params
        for warning in warnings(params):
            progress.print(f"{partner.source}: {warning}", style="yellow", markup=False)
        result.print(f"{partner.source}: {params.partner}, target {params.target}: all parameters are right", markup=False)


@params_app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of a params file, for editors."""
    typer.echo(json.dumps(schema(), indent=2, ensure_ascii=False))


@sandbox_app.command("start")
def sandbox_start() -> None:
    """Start the practice clouds, or find the ones that run."""
    from .sandbox import ensure_running

    result.print(f"The practice clouds are at {ensure_running().url}")


@sandbox_app.command("stop")
def sandbox_stop() -> None:
    """Stop them; what they hold is kept."""
    from . import sandbox

    result.print("Stopped." if sandbox.stop() else "None was running.")


@sandbox_app.command("status")
def sandbox_status() -> None:
    """Say whether they run, and where."""
    from . import sandbox

    state = sandbox.status()
    if not state["running"]:
        result.print("Not running; a notebook or `byoc sandbox start` starts it.")
        return
    result.print(f"Running at {state['url']}; practice customers: {', '.join(state['tenants']) or 'none yet'}", markup=False)


@sandbox_app.command("scenarios")
def sandbox_scenarios() -> None:
    """List the situations that `scenario:` in a params file can choose, and what each teaches."""
    from .sandbox import ensure_running

    for entry in ensure_running().control("GET", "/_sandbox/scenarios")["scenarios"]:
        where = f" Fails in chapter {entry['chapter']}." if entry["chapter"] else ""
        result.print(f"{entry['name']}: {entry['lesson']}{where}", markup=False)
        if entry["mended"]:
            result.print(f"  mended: {entry['mended']}", markup=False)


@sandbox_app.command("drills")
def sandbox_drills() -> None:
    """List the drills of notebook 09: number, name, and how the ticket begins."""
    from .drills import DRILLS, first_sentence

    for drill in DRILLS:
        result.print(f"{drill.number} {drill.name}: {first_sentence(drill)}", markup=False)


@sandbox_app.command("mend")
def sandbox_mend(file: Annotated[Path, typer.Argument(help="The partner's params file.")]) -> None:
    """Have what a scenario broke put right, as a colleague or the vendor would."""
    from .sandbox import ensure_running

    params = load(file)
    ensure_running().control("POST", f"/_sandbox/tenants/{params.slug}/mend")
    result.print(f"{params.partner}: what the scenario broke is put right. Run the chapter again.", markup=False)


@sandbox_app.command("reset")
def sandbox_reset() -> None:
    """Empty them: every practice org and account goes."""
    from . import sandbox

    sandbox.reset()
    result.print("The practice clouds are empty.")


def _fail(sentence: str) -> None:
    progress.print(sentence, style="red", markup=False)
    raise typer.Exit(1)


def main() -> None:
    """Entry point: a mistake is a sentence on stderr and exit code 1, never a traceback."""
    try:
        try:
            app()
        except SystemExit as end:  # 2 is for a plan with changes: a mistyped option must not pass for drift
            mistyped = end.code == 2 and isinstance(end.__context__, typer.BadParameter.__mro__[1])
            raise SystemExit(1 if mistyped else end.code) from None
    except RunbookError as error:
        progress.print(str(error), style="red", markup=False)
        sys.exit(1)
    except Exception:  # noqa: BLE001 - a fault of ours: its traceback may hold what nobody else may see
        sys.stderr.write(visible(redact(traceback.format_exc())))
        sys.exit(1)
    except KeyboardInterrupt:
        progress.print("Stopped by hand. Run again: what exists is found, and the rest is done.")
        sys.exit(130)


if __name__ == "__main__":
    main()
