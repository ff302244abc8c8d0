"""The `byoc` command. Progress goes to stderr, results to stdout; exit code 0 done, 1 failed, 2 a plan with
changes, 130 interrupted."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import batch
from .chapters import CHAPTERS, find_chapter
from .clouds import LIVE_VARIABLE
from .exceptions import RunbookError
from .params import load, schema, warnings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Connect Genesys Cloud orgs to the phone network through Twilio, by notebook.")
params_app = typer.Typer(no_args_is_help=True, help="Check params files; print their JSON Schema.")
sandbox_app = typer.Typer(no_args_is_help=True, help="The practice clouds.")
app.add_typer(params_app, name="params")
app.add_typer(sandbox_app, name="sandbox")

progress = Console(stderr=True, highlight=False)
result = Console(highlight=False, soft_wrap=True)

Files = Annotated[list[Path], typer.Argument(help="Params files, or folders of them.")]


@app.command()
def run(
    files: Files,
    live: Annotated[bool, typer.Option("--live", help="The real clouds are meant, where a file says target: live.")] = False,
    only: Annotated[str, typer.Option(help="Run this chapter alone, e.g. 04.")] = "",
    start: Annotated[str, typer.Option("--from", help="Begin at this chapter.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the records.")] = batch.ROOT / "outputs",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run every chapter headless, one partner after the other."""
    try:
        chapters = [find_chapter(only)] if only else [c for c in CHAPTERS if not start or c.number >= find_chapter(start).number]
    except KeyError as error:
        _fail(str(error.args[0]))
    loaded = batch.load_all(files, live)
    results = []
    for path, params in loaded:
        where = "[bold red]LIVE CLOUDS[/]" if params.target == "live" else "practice clouds"
        progress.print(f"[bold]{params.partner}[/] on {where} ({path})")
        results.append(batch.run_partner(path, params, out, chapters=chapters, tell=_tell))
        if results[-1].status == "interrupted":
            break
    if as_json:
        result.print_json(json.dumps([_plain(r) for r in results]))
    else:
        for r in results:
            counts = {k: sum(c.recap.get(k, 0) for c in r.chapters) for k in ("created", "updated", "unchanged")}
            recap = " ".join(f"{k}={n}" for k, n in counts.items())
            failed = sum(c.status == "failed" for c in r.chapters) + bool(r.message)
            result.print(f"{r.partner}: {r.status} {recap} failed={failed}\n  executed notebooks: {_shown(r.folder)}", markup=False)
            if r.message:
                progress.print(r.message, style="red", markup=False)
    states = {r.status for r in results}
    raise typer.Exit(130 if "interrupted" in states else 1 if "failed" in states else 0)


@app.command()
def plan(
    files: Files,
    live: Annotated[bool, typer.Option("--live", help="The real clouds are meant, where a file says target: live.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Show what a run would change; changes nothing. Exit code 0: nothing to do, 2: changes, 1: failed or refused."""
    from .display import objects
    from .runbook import Runbook

    if live:
        os.environ[LIVE_VARIABLE] = "yes"
    failed, plans, total = False, [], {"create": 0, "update": 0, "delete": 0, "unchanged": 0, "refused": 0}
    for path, params in batch.load_all(files, live):
        progress.print(f"[bold]{params.partner}[/] ({path})")
        changes = []
        try:
            for chapter in CHAPTERS:
                book = Runbook(chapter, params.model_copy(update={"mode": "plan"}))
                for kind in chapter.kinds:
                    book.apply(kind)
                changes += book.planned
        except RunbookError as error:
            progress.print(f"{params.partner}: {error}", style="red", markup=False)
            failed = True
        counts = objects.plan_counts(changes)
        total = {key: total[key] + counts[key] for key in total}
        table = objects.plan_table(changes)
        plans.append({"partner": params.partner, "counts": counts, "columns": list(table.columns), "rows": [list(r) for r in table.rows]})
        if not as_json:
            result.print(repr(table), markup=False)
    if as_json:
        result.print_json(json.dumps(plans))
    raise typer.Exit(1 if failed or total["refused"] else 2 if total["create"] + total["update"] + total["delete"] else 0)


def _tell(done: batch.ChapterResult) -> None:
    mark = {"passed": "[green]✔[/]", "failed": "[red]✘[/]", "interrupted": "[yellow]◼[/]"}[done.status]
    recap = ", ".join(f"{n} {what}" for what, n in done.recap.items() if n)
    progress.print(f"  {mark} {done.chapter:<18} {done.status:<8} {done.seconds:5.1f} s  {recap}")
    if done.message:
        progress.print("\n".join(f"    {line}" for line in done.message.splitlines()), style="red", markup=False)


def _plain(r: batch.PartnerResult) -> dict:
    return {"partner": r.partner, "status": r.status, "folder": _shown(r.folder), "message": r.message, "chapters": [
        {"chapter": c.chapter, "status": c.status, "seconds": round(c.seconds, 2), "recap": c.recap, "message": c.message}
        for c in r.chapters]}


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@params_app.command("check")
def check(files: Files) -> None:
    """Check params files and that their secrets can be resolved; calls no cloud."""
    for path, params in batch.load_all(files, live=True):
        for warning in warnings(params):
            progress.print(f"{path}: {warning}", style="yellow", markup=False)
        result.print(f"{_shown(path)}: {params.partner}, target {params.target}: all parameters are right", markup=False)


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
        app()
    except RunbookError as error:
        progress.print(str(error), style="red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        progress.print("Stopped by hand. Run again: what exists is found, and the rest is done.")
        sys.exit(130)


if __name__ == "__main__":
    main()
