"""The public names, pinned."""

import byoc_helpers


def test_public_names():
    assert sorted(byoc_helpers.__all__) == ["Runbook", "RunbookError", "open_chapter"]
    assert all(getattr(byoc_helpers, name) for name in byoc_helpers.__all__)


def test_what_a_chapters_cells_call():
    verbs = {name for name in vars(byoc_helpers.Runbook) if not name.startswith("_")}
    assert verbs == {
        "parameters", "recap", "apply", "precheck", "require_passed", "wait_verified", "wait_site_defaults", "number_plans",
        "wait_in_service", "routes", "dialplan", "simulate", "require_calls", "steps", "numbers", "planning",
    }
