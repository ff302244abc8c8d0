"""The public names, pinned."""

import byoc_helpers


def test_public_names():
    assert sorted(byoc_helpers.__all__) == ["Runbook", "RunbookError", "open_chapter", "open_form"]
    assert all(getattr(byoc_helpers, name) for name in byoc_helpers.__all__)


def test_what_a_chapters_cells_call():
    verbs = {name for name in vars(byoc_helpers.Runbook) if not name.startswith("_")}
    assert verbs == {
        "parameters", "recap", "apply", "precheck", "require_passed", "wait_verified", "wait_site_defaults", "number_plans",
        "wait_in_service", "routes", "dialplan", "simulate", "require_calls", "steps", "numbers", "planning",
        "cross_check", "require_agreement", "probe", "price_test_call", "test_call", "picture", "ladder", "removals", "remove", "require_removed",
        "plan", "confirm", "checkpoint", "sequence", "admin_page",
    }
