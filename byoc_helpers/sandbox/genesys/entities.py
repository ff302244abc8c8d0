"""What all kinds of Genesys object have in common: creating, versions, soft deletes, listings, references.

A kind is described once, as data, and the functions here do the rest:

    PETS = Kind("pets", "/api/v2/pets", "Pet", {"name": text, "age": whole}, required=("name",))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ..core import Context, iso
from ..store import Row, fold, name_like
from .errors import Problem
from .fields import Check, read, whole

MAX_PAGE = 10_000
PRODUCTS = ["byoc", "collaborateFree", "purecloud3", "purecloudVoice"]
NUMBER = "COALESCE(json_extract(body, '$.startPhoneNumber'), json_extract(body, '$.phoneNumber'))"
COLUMNS = {"name": "name", "id": "id", "number": NUMBER}


@dataclass(frozen=True)
class Kind:
    """A kind of object: store name, path, the platform's word for it, writable fields with their checks.

    `dated` kinds carry dates, author and state (the telephony objects); others only a version.
    `path` may hold `{parent}`. `total_twice`: the listing also says `totalNumberOfEntities`.
    """

    name: str
    path: str
    label: str
    fields: Mapping[str, Check]
    required: tuple[str, ...] = ("name",)
    unique: bool = True
    dated: bool = True
    total_twice: bool = True


def create(
    ctx: Context, kind: Kind, body: Mapping[str, Any], *, parent: str = "", extra: Mapping[str, Any] | None = None,
    late: bool = False,
) -> Row:  # fmt: skip
    """Check and store a new object. `extra` fields are ours, stored as they are."""
    values = clean(kind, body)
    name = values.get("name", "")
    check_name(ctx, kind, name, parent)
    id = ctx.uuid(kind.name)
    stored = {**values, "version": 1, "state": values.get("state", "active"), **(extra or {})}
    if kind.dated:
        when = iso(ctx.stamp)
        stored |= {"dateCreated": when, "dateModified": when}
        stored |= {"createdBy": ctx.login, "modifiedBy": ctx.login} if ctx.login else {}
    return ctx.new(kind.name, id, stored, name=name, parent=parent, late=late)


def update(ctx: Context, kind: Kind, row: Row, body: Mapping[str, Any], *, patch: bool = False) -> Row:
    """Replace (PUT) or amend (PATCH) the writable fields, after the version was checked."""
    check_version(row, body)
    known = {k: v for k, v in row.body.items() if patch or k not in kind.fields}
    values = clean(kind, body, partial=patch)
    name = values.get("name", row.body.get("name", ""))
    if fold(name) != row.name:
        check_name(ctx, kind, name, row.parent)
    row.body = {"state": row.body["state"], **known, **values}
    row.name = name
    return touch(ctx, row, dated=kind.dated)


def touch(ctx: Context, row: Row, *, dated: bool = True) -> Row:
    """Count up the version, date the change, store it."""
    row.body["version"] = row.body.get("version", 0) + 1
    if dated:
        row.body["dateModified"] = iso(ctx.stamp)
        if ctx.login:
            row.body["modifiedBy"] = ctx.login
    return save(ctx, row)


def save(ctx: Context, row: Row) -> Row:
    row.name = row.body.get("name", row.name)
    return ctx.store.save(row)


def delete(ctx: Context, kind: Kind, row: Row) -> None:
    """Soft delete: the id answers 404 from now on and the name is free again."""
    if row.body.get("managed"):
        raise Problem("managed", kind=kind.label, name=row.body.get("name", ""))
    row.body["state"] = "deleted"
    ctx.store.save(row)
    ctx.store.remove(row)


def clean(kind: Kind, body: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The writable fields of a body, checked; required ones must be there and not empty."""
    values = read(body, kind.fields)
    for field in kind.required:
        if (field not in values and not partial) or (field in values and values[field] in ("", [], {})):
            raise Problem("required", field=field)
    return values


def check_name(ctx: Context, kind: Kind, name: str, parent: str, own_id: str = "") -> None:
    """400 when another object of this kind (and parent) has the name."""
    if kind.unique and name:
        other = ctx.store.named(ctx.tenant.name, kind.name, name, parent or None)
        if other and other.id != own_id:
            raise Problem("name.taken", kind=kind.label, name=name, entity_name=name)


def check_version(row: Row, body: Mapping[str, Any]) -> None:
    """409 for another version than the one held, 400 for none at all."""
    if body.get("version") is None:
        raise Problem("required", field="version")
    if whole("version", body["version"]) != row.body.get("version"):
        raise Problem("bad.version", entity_id=row.id, entity_name=row.body.get("name", ""))


def get(ctx: Context, kind: Kind, id: str, parent: str | None = None) -> Row:
    """The object, or 404."""
    row = ctx.store.get(ctx.tenant.name, kind.name, id, parent)
    if row is None:
        raise Problem("no.object", entity_id=id)
    return row


def must_exist(ctx: Context, kind: Kind, ref: Mapping[str, str]) -> Row:
    """The object a body refers to, or 400."""
    row = ctx.store.get(ctx.tenant.name, kind.name, ref["id"])
    if row is None:
        raise Problem("no.reference", kind=kind.label, id=ref["id"], entity_id=ref["id"])
    return row


def path_of(kind: Kind, row: Row) -> str:
    return f"{kind.path.replace('{parent}', row.parent)}/{row.id}"


def ref(ctx: Context, kind: Kind, id: str) -> dict[str, str]:
    """A reference as reads show it: id, name, selfUri."""
    key = f"ref:{kind.name}:{id}"
    if key not in ctx.memo:
        row = ctx.store.get(ctx.tenant.name, kind.name, id)
        ctx.memo[key] = (
            {"id": id, "name": row.body.get("name", ""), "selfUri": path_of(kind, row)} if row else {"id": id}
        )
    return ctx.memo[key]


def home_division(ctx: Context) -> dict[str, str]:
    id = ctx.tenant.settings["division_id"]
    return {"id": id, "name": "Home", "selfUri": f"/api/v2/authorization/divisions/{id}"}


def products(ctx: Context) -> list[str]:
    """What the org is licensed for: "byoc" among it, unless its scenario says otherwise."""
    return ctx.tenant.get("products", PRODUCTS)


def show(ctx: Context, kind: Kind, row: Row) -> dict[str, Any]:
    """The object as clients see it."""
    seen = {k: v for k, v in row.body.items() if k[0] != "_"}
    if kind.dated:
        seen.setdefault("division", home_division(ctx))
    return {"id": row.id, **seen, "selfUri": path_of(kind, row)}


Show = Callable[[Context, Row], dict[str, Any]]


def paging(ctx: Context) -> tuple[int, int]:
    """Page size and number from the query: 25 and 1 unless told. Size 0 to 10,000, number from 1."""
    values = []
    for field, default, low in (("pageSize", 25, 1), ("pageNumber", 1, 1)):
        given = ctx.request.arg(field) or str(default)
        if not re.fullmatch("[0-9]{1,9}", given) or int(given) < low:
            raise Problem(
                "bad.value", field=field, value=given, why=f"A whole number from {low} is expected."
            )
        values.append(int(given))
    return min(values[0], MAX_PAGE), values[1]


def envelope(ctx: Context, items: list[Any], total: int, *, total_twice: bool = True) -> dict[str, Any]:
    """A page of a listing, with the links the platform gives (relative, other query parameters kept)."""
    size, number = paging(ctx)
    count = -(-total // size)

    def link(page: int) -> str:
        query = [
            (k, v) for k, vs in ctx.request.query.items() if k not in ("pageSize", "pageNumber") for v in vs
        ]
        return f"{ctx.request.path}?{urlencode([*query, ('pageSize', size), ('pageNumber', page)])}"

    page: dict[str, Any] = {"entities": items, "pageSize": size, "pageNumber": number, "total": total}
    if total_twice:
        page["totalNumberOfEntities"] = total
    page |= {"firstUri": link(1), "selfUri": link(number), "lastUri": link(max(count, 1)), "pageCount": count}
    if number < count:
        page["nextUri"] = link(number + 1)
    if number > 1:
        page["previousUri"] = link(number - 1)
    return page


def listing(
    ctx: Context, kind: Kind, shown: Show, *, parent: str | None = None, default_sort: str = "name",
    equal: Mapping[str, Any] | None = None, name_filter: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """A page of objects: `name` (with `*`), `id`, `sortBy`, `sortOrder` from the query; `equal` on body fields."""
    conditions: list[str] = []
    args: list[Any] = []
    if name_filter and (name := ctx.request.arg("name")):
        condition, values = name_like(name)
        conditions.append(condition)
        args += values
    if ids := [i for v in ctx.request.query.get("id", []) for i in v.split(",") if i]:
        conditions.append(f"id IN ({', '.join('?' * len(ids))})")
        args += ids
    for field, value in (equal or {}).items():
        conditions.append(f"json_extract(body, '$.{field}') = ?")
        args.append(value)
    where = " AND ".join(conditions)
    order = order_by(ctx, default_sort)
    size, number = paging(ctx)
    query: dict[str, Any] = {"parent": parent, "where": where, "args": tuple(args)}
    rows = ctx.store.rows(
        ctx.tenant.name, kind.name, **query, order=order, limit=size, offset=(number - 1) * size
    )
    total = ctx.store.count(ctx.tenant.name, kind.name, **query)
    return envelope(ctx, [shown(ctx, r) for r in rows], total, total_twice=kind.total_twice)


def order_by(ctx: Context, default: str) -> str:
    """An SQL ORDER BY from `sortBy` and `sortOrder`; unknown fields sort as if all were equal."""
    field = ctx.request.arg("sortBy") or default
    if not re.fullmatch(r"[A-Za-z]{1,40}", field):
        raise Problem("bad.value", field="sortBy", value=field, why="A field name is expected.")
    down = ctx.request.arg("sortOrder", "asc").lower().startswith("desc")
    column = COLUMNS.get(field) or f"json_extract(body, '$.{field}')"
    way = "DESC" if down else "ASC"
    return f"{column} {way}, seq {way}"
