"""DID pool: makes the purchased numbers known to the org (guide: BYOC Trunk 4, DID Numbers)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..clouds.genesys import alive, pages, sdk
from .base import Context, Desired, Found, Setting, mark_of

KIND, SIDE, CHAPTER = "DID pool", "Genesys Cloud", "07"
SETTINGS = (
    Setting("start", "DID Start", "E.164"),
    Setting("end", "DID End", "E.164"),
)
HINTS = ((r"overlap|already", "A number belongs to one pool: see Telephony – DID Numbers – DID Ranges."),)


def _pools(ctx: Context) -> list[Any]:
    telephony = ctx.clouds.genesys.telephony
    return ctx.once("pools", lambda: [p for p in pages(telephony.get_telephony_providers_edges_didpools) if alive(p)])


def _digits(number: str) -> int:
    return int(number.lstrip("+"))


def _covering(ctx: Context, number: str) -> Any | None:
    return next((p for p in _pools(ctx)
                 if len(p.start_phone_number) == len(number)
                 and _digits(p.start_phone_number) <= _digits(number) <= _digits(p.end_phone_number)), None)


def covers(ctx: Context, number: str) -> bool:
    """Is there a pool that holds this number?"""
    return _covering(ctx, number) is not None


def runs(numbers: list[str]) -> list[tuple[str, str]]:
    """Consecutive E.164 numbers as (first, last): one pool each."""
    ordered = sorted(set(numbers), key=lambda n: (len(n), n))
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(ordered), 1) if len(a) != len(b) or _digits(b) != _digits(a) + 1)]
    return [(ordered[i], ordered[j - 1]) for i, j in zip(starts, [*starts[1:], len(ordered)], strict=True)] if ordered else []


def desired(ctx: Context) -> list[Desired]:
    """The pools there should be: existing ones that hold our numbers, then one for each run of the others."""
    existing, bare = {}, []
    for number in ctx.params.phone_numbers:
        pool = _covering(ctx, number)
        if pool is None:
            bare.append(number)
        else:
            existing[pool.id] = (pool.start_phone_number, pool.end_phone_number)
    return [Desired(start if start == end else f"{start} – {end}", {"start": start, "end": end})
            for start, end in [*existing.values(), *runs(bare)]]


def find(ctx: Context, want: Desired) -> Found | None:
    pool = next((p for p in _pools(ctx) if p.start_phone_number == want.fields["start"]
                 and p.end_phone_number == want.fields["end"]), None)
    if pool is None:
        return None
    fields = {"start": pool.start_phone_number, "end": pool.end_phone_number}
    return Found(pool.id, want.name, fields, mark_of(ctx, pool.description), pool)


def create(ctx: Context, want: Desired) -> None:
    body = sdk.DIDPool()
    body.name = want.name
    body.start_phone_number, body.end_phone_number = want.fields["start"], want.fields["end"]
    body.description = ctx.mark
    body.comments = "Twilio Elastic SIP Trunk"
    ctx.clouds.genesys.telephony.post_telephony_providers_edges_didpools(body)


def update(ctx: Context, want: Desired, found: Found, changed: frozenset[str]) -> None:
    raise AssertionError("a pool is found by its two ends, so it never differs")


def did(ctx: Context, number: str) -> Any | None:
    """The number among the pools' DIDs (an SDK `DIDNumber`), with its owner if it has one; None: in no pool."""
    # The plain listing of DIDs knows assigned ones only.
    listing = ctx.clouds.genesys.telephony.get_telephony_providers_edges_didpools_dids
    return ctx.once(("did", number), lambda: next(
        (d for d in pages(listing, "ASSIGNED_AND_UNASSIGNED", number_match=number) if d.number == number), None))


def remove(ctx: Context, want: Desired, found: Found) -> None:
    ctx.clouds.genesys.telephony.delete_telephony_providers_edges_didpool(found.id)
