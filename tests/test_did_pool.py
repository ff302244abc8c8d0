"""Consecutive numbers share a pool."""

import pytest

from byoc_helpers.resources.did_pool import runs


@pytest.mark.parametrize(("numbers", "expected"), [
    ([], []),
    (["+33123456789"], [("+33123456789", "+33123456789")]),
    (["+33123456791", "+33123456789", "+33123456790"], [("+33123456789", "+33123456791")]),
    (["+33123456789", "+33123456791"], [("+33123456789", "+33123456789"), ("+33123456791", "+33123456791")]),
    (["+999", "+1000"], [("+999", "+999"), ("+1000", "+1000")]),
])
def test_runs(numbers, expected):
    assert runs(numbers) == expected
