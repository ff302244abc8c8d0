"""Records for tests: the chapters' verbs in this process, kept as executed notebooks are, and a manifest by the real thing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from orgs import chapter

from byoc_helpers.audit.manifest import Record
from byoc_helpers.display.tables import MIME
from byoc_helpers.exceptions import RunbookError
from byoc_helpers.params import Params

CELLS: dict[str, Sequence[tuple[str, ...]]] = {
    "01": [("precheck",), ("checkpoint",), ("require_passed",)],
    "02": [("plan",), ("apply", "location"), ("wait_verified",), ("apply", "site"), ("wait_site_defaults",), ("apply", "number_plans"), ("recap",), ("picture",)],
    "03": [("plan",), *(("apply", k) for k in ("ip_acl", "credential_list", "sip_trunk", "origination_url", "trunk_number")), ("recap",), ("picture",)],
    "04": [("plan",), ("apply", "byoc_trunk"), ("wait_in_service",), ("recap",), ("picture",)],
    "05": [("plan",), ("apply", "outbound_route"), ("recap",), ("picture",)],
    "06": [("simulate",), ("ladder", "0123456789"), ("picture",)],
    "07": [("plan",), ("apply", "did_pool"), ("apply", "call_route"), ("apply", "person_number"), ("recap",), ("picture",)],
    "08": [("cross_check",), ("picture",), ("sequence", "outbound"), ("checkpoint",), ("require_agreement",)],
    "99": [("removals",), ("remove",), ("checkpoint",), ("require_removed",)],
}


def make(folder: Path, params: Params, *numbers: str, mode: str = "apply") -> Path:
    """Run these chapters for real, in this process, up to the first that fails, and keep the record in `folder`."""
    folder.mkdir(parents=True)
    record, status, patch = Record(folder, params, mode=mode), "passed", pytest.MonkeyPatch()
    patch.setenv("BYOC_JOURNAL", str(folder / "journal.jsonl"))
    if mode == "destroy":
        patch.setenv("BYOC_DESTROY", params.partner)
    try:
        for number in numbers:
            run, cells, began, status, message = chapter(number, params), [], dt.datetime.now(dt.UTC), "passed", ""
            for verb, *arguments in CELLS[number]:
                try:
                    outputs = [output(getattr(run, verb)(*arguments))]
                except RunbookError as error:
                    status, message = "failed", str(error)
                    outputs = [{"output_type": "error", "ename": type(error).__name__, "evalue": message, "traceback": []}]
                cells.append(cell(f"run.{verb}({', '.join(map(repr, arguments))})", *outputs))
                if status == "failed":
                    break
            name, ended = run.chapter.name, dt.datetime.now(dt.UTC)
            write(folder / f"{name}.ipynb", cells, start_time=began.isoformat(), end_time=ended.isoformat())
            recaps = [o["data"][MIME]["recap"] for c in cells for o in c["outputs"] if "recap" in o.get("data", {}).get(MIME, {})]
            record.chapter({"chapter": name, "title": run.chapter.title, "status": status, "seconds": (ended - began).total_seconds(),
                            "recap": recaps[-1] if recaps else {}, "message": message, "notebook": f"{name}.ipynb"})
            if status == "failed":
                break
    finally:
        patch.undo()
    record.ending(status)
    record.finish()
    return folder


def output(shown: Any) -> dict[str, Any]:
    """What a cell's result becomes in a notebook."""
    data = shown._repr_mimebundle_() if hasattr(shown, "_repr_mimebundle_") else {"text/plain": repr(shown)}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def cell(source: str, *outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": list(outputs)}


def write(path: Path, cells: Sequence[Mapping[str, Any]], **papermill: Any) -> None:
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"papermill": papermill}, "cells": list(cells)}), "utf-8")


def said(**changes: Any) -> dict[str, Any]:
    """A predicate with no chapters, with these changes."""
    return {"status": "passed", "partner": "Acme GmbH", "target": "sandbox", "mode": "apply", "scenario": "healthy", "started": "2026-11-24T03:31:57.123Z",
            "finished": "2026-11-24T03:32:10.623Z", "params": {}, "plan": None, "versions": {"byoc-runbook": "0.1.0"}, "platform": "Linux x86_64",
            "commit": None, "chapters": [], "message": "", "note": ""} | changes


def ran(name: str, status: str = "passed", **changes: Any) -> dict[str, Any]:
    """A chapter of a predicate."""
    return {"chapter": name, "title": name[3:].replace("_", " "), "status": status, "seconds": 1.5, "recap": {}, "message": "", "notebook": f"{name}.ipynb"} | changes
