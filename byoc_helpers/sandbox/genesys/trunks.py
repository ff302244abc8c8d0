"""Trunk base settings (what an admin calls an external trunk) and the trunks that come of them, one per virtual edge.

Properties the template lacks are dropped without a word, null counts as absent, and a property not sent has its
default. A password saved once stays until another is sent or the user name is emptied.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ..core import Context, iso
from ..http import Reply, Route
from ..store import Row
from . import entities as e
from . import far_end, search, template
from .edges import BASE as EDGES_BASE
from .edges import EDGE_GROUPS, EDGES, show_edge
from .entities import Kind, products
from .errors import Problem
from .fields import body_of, mapping, network, one_of, reference, text
from .sites import SITES

BASE = f"{EDGES_BASE}/trunkbasesettings"
TRUNKS_PATH = f"{EDGES_BASE}/trunks"
HOST_PORT = re.compile(r"(?=.{1,260}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?")

TRUNK_BASES = Kind(
    "trunkbases",
    BASE,
    "TrunkBase",
    {
        "name": text,
        "description": text,
        "trunkMetabase": reference,
        "trunkType": one_of("EXTERNAL", "PHONE", "EDGE"),
        "state": one_of("active", "inactive"),
        "site": reference,
        "inboundSite": reference,
    },
    required=("name", "trunkMetabase", "trunkType"),
)
TRUNKS = Kind("trunks", TRUNKS_PATH, "Trunk", {}, required=(), unique=False)
PYTHON: dict[str, type] = {"string": str, "boolean": bool, "array": list, "integer": int}


def metabase(id: str) -> dict[str, str]:
    name = template.METABASES.get(id, (id, ""))[0]
    return {"id": id, "name": name, "selfUri": f"{EDGES_BASE}/trunkmetabases/{id}"}


def show(ctx: Context, row: Row) -> dict[str, Any]:
    seen = e.show(ctx, TRUNK_BASES, row)
    seen["properties"] = template.properties(ctx.tenant.settings, row.body["_instances"])
    seen["trunkMetabase"] = metabase(seen["trunkMetabase"]["id"])
    for field in ("inboundSite", "site"):
        if field in seen:
            seen[field] = e.ref(ctx, SITES, seen[field]["id"])
    return seen


def _need_product(ctx: Context) -> None:
    if "byoc" not in products(ctx):
        raise Problem("product")


def get_template(ctx: Context) -> dict[str, Any]:
    _need_product(ctx)
    wanted = ctx.request.arg("trunkMetabaseId")
    if wanted not in template.METABASES:
        raise Problem("no.object", entity_id=wanted)
    return {
        "name": "",
        "state": "active",
        "trunkMetabase": metabase(wanted),
        "properties": template.properties(ctx.tenant.settings),
        "trunkType": template.METABASES[wanted][1],
        "managed": False,
    }


def list_metabases(ctx: Context) -> dict[str, Any]:
    asked = ctx.request.arg("type").upper()
    found = [
        {"id": id, "name": name, "state": "active", "type": kind, "selfUri": metabase(id)["selfUri"]}
        for id, (name, kind) in template.METABASES.items()
        if "byoc" in products(ctx) and asked in ("", kind)
    ]
    size, page = e.paging(ctx)
    return e.envelope(ctx, found[(page - 1) * size : page * size], len(found))


def list_bases(ctx: Context) -> dict[str, Any]:
    asked = ctx.request.arg("managed").lower()
    equal = {"managed": int(asked == "true")} if asked in ("true", "false") else {}
    return e.listing(ctx, TRUNK_BASES, show, equal=equal)


def list_for_site(ctx: Context, site_id: str) -> dict[str, Any]:
    e.get(ctx, SITES, site_id)
    return e.listing(ctx, TRUNK_BASES, show, equal={"inboundSite.id": site_id})


def get_base(ctx: Context, base_id: str) -> dict[str, Any]:
    return show(ctx, e.get(ctx, TRUNK_BASES, base_id))


def post_base(ctx: Context) -> dict[str, Any]:
    _need_product(ctx)
    body = body_of(ctx)
    values = _checked(ctx, body)
    instances, secret = _instances(ctx, body, {})
    _check_termination(ctx, instances, "")
    extra = {"managed": False, "_instances": instances, "_secret": secret}
    row = e.create(ctx, TRUNK_BASES, values, extra=extra)
    _claim(ctx, row, "")
    for edge in ctx.store.rows(ctx.tenant.name, EDGES.name):
        when = iso(ctx.stamp)
        body = {
            "version": 1, "dateCreated": when, "dateModified": when, "edge": {"id": edge.id}, "_base": row.id,
            "_due": ctx.due(), "_since": when,
        }  # fmt: skip
        ctx.new(TRUNKS.name, ctx.uuid(TRUNKS.name), body, name=row.body["name"], parent=row.id)
    return show(ctx, row)


def put_base(ctx: Context, base_id: str) -> dict[str, Any]:
    row = e.get(ctx, TRUNK_BASES, base_id)
    body = body_of(ctx)
    e.check_version(row, body)
    values = _checked(ctx, body)
    if values["trunkMetabase"]["id"] != row.body["trunkMetabase"]["id"]:
        raise Problem(
            "bad.value", field="trunkMetabase", value=values["trunkMetabase"]["id"], why="It cannot change."
        )
    before = dict(row.body["_instances"])
    instances, secret = _instances(ctx, body, row.body)
    _check_termination(ctx, instances, row.id)
    row.body |= {"_instances": instances, "_secret": secret}
    e.update(ctx, TRUNK_BASES, row, {**values, "version": row.body["version"]})
    _claim(ctx, row, before["trunk_sip_termination_uri"])
    for trunk in ctx.store.rows(ctx.tenant.name, TRUNKS.name, parent=row.id):
        trunk.name = row.body["name"]
        if instances["trunk_enabled"] and not before["trunk_enabled"]:
            trunk.body |= {"_due": ctx.due(), "_since": iso(ctx.stamp)}
        e.touch(ctx, trunk)
    return show(ctx, row)


def delete_base(ctx: Context, base_id: str) -> Reply:
    from .dialplan import ROUTES_KIND

    row = e.get(ctx, TRUNK_BASES, base_id)
    for kind in (ROUTES_KIND, EDGE_GROUPS):
        for other in ctx.store.rows(
            ctx.tenant.name, kind.name, where="instr(body, ?)", args=(row.id,), limit=1
        ):
            user = f"{kind.label} '{other.body['name']}'"
            raise Problem("in.use", kind="TrunkBase", name=row.body["name"], user=user)
    e.delete(ctx, TRUNK_BASES, row)
    ctx.store.release(_scope(ctx), row.body["_instances"]["trunk_sip_termination_uri"])
    for trunk in ctx.store.rows(ctx.tenant.name, TRUNKS.name, parent=row.id):
        ctx.store.remove(trunk)
    return Reply(204)


def _checked(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    values = {"state": "active", **e.clean(TRUNK_BASES, body)}
    if values["trunkMetabase"]["id"] not in template.METABASES:
        raise Problem("no.reference", kind="TrunkMetabase", id=values["trunkMetabase"]["id"])
    kind = template.METABASES[values["trunkMetabase"]["id"]][1]
    if values["trunkType"] != kind:
        raise Problem("bad.value", field="trunkType", value=values["trunkType"], why=f"This metabase is of type {kind}.")
    for field in ("site", "inboundSite"):
        if field in values:
            e.must_exist(ctx, SITES, values[field])
    return values


def _instances(
    ctx: Context, body: dict[str, Any], held: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str] | None]:
    """The property values of a body, checked against the template; and the sealed digest credential."""
    given = mapping("properties", body.get("properties") or {})
    offered = template.table(ctx.tenant.settings)
    instances: dict[str, Any] = {}
    for key, (kind, default, rest) in offered.items():
        value = mapping(key, mapping(key, given.get(key) or {}).get("value") or {}).get("instance")
        instances[key] = default if value is None else _value(key, kind, rest, value)
    for proxy in instances["trunk_transport_serverProxyList"]:
        if not HOST_PORT.fullmatch(proxy):
            raise Problem(
                "bad.value",
                field="trunk_transport_serverProxyList",
                value=proxy,
                why="host or host:port is expected.",
            )
    for entry in instances["trunk_access_acl_allowList"]:
        if not network(entry):
            raise Problem(
                "bad.value",
                field="trunk_access_acl_allowList",
                value=entry,
                why="An IP address or CIDR is expected.",
            )
    if instances["trunk_enabled"] and not instances["trunk_transport_serverProxyList"]:
        raise Problem("required", field="trunk_transport_serverProxyList")
    password = instances.pop(template.PASSWORD)
    user = instances["trunk_sip_authentication_credentials_username"]
    realm = instances["trunk_sip_authentication_credentials_realm"]
    if password:
        return instances, {"user": user, "realm": realm, "sealed": ctx.core.seal(user, realm, password)}
    return instances, held.get("_secret") if user else None


def _value(key: str, kind: str, rest: dict[str, Any], value: Any) -> Any:
    wanted: type = PYTHON[kind]
    if not isinstance(value, wanted) or (kind == "integer" and isinstance(value, bool)):
        raise Problem("bad.type", field=key, wanted=kind)
    items: list[Any] = list(value) if isinstance(value, list) else [value]
    rules = rest.get("items", {}) if kind == "array" else rest
    for item in items:
        shown = "" if key == template.PASSWORD else item
        if kind == "array" and not isinstance(item, str):
            raise Problem("bad.type", field=key, wanted="list of strings")
        if "enum" in rules and item not in rules["enum"]:
            raise Problem("bad.value", field=key, value=shown, why=f"Allowable values are: {', '.join(rules['enum'])}")
        if "pattern" in rules and not re.fullmatch(rules["pattern"].strip("^$"), item):
            raise Problem("bad.value", field=key, value=shown, why=f"It must match {rules['pattern']}.")
        if "minimum" in rules and not rules["minimum"] <= item <= rules["maximum"]:
            raise Problem(
                "bad.value", field=key, value=shown, why=f"From {rules['minimum']} to {rules['maximum']}."
            )
    if len(items) > rest.get("maxItems", 1_000):
        raise Problem(
            "bad.value",
            field=key,
            value=str(len(items)),
            why=f"At most {rest.get('maxItems', 1_000)} entries.",
        )
    return value


def _scope(ctx: Context) -> str:
    return f"byoc:{ctx.tenant.settings['region']}"


def _check_termination(ctx: Context, instances: dict[str, Any], own_id: str) -> None:
    name = instances["trunk_sip_termination_uri"]
    if not name:
        return
    held = ctx.store.claim_of(_scope(ctx), name)
    taken = held is not None and (held.tenant, held.owner) != (ctx.tenant.name, own_id)
    if taken or _another_orgs(ctx, name):
        raise Problem("termination.taken", name=name)


def _another_orgs(ctx: Context, name: str) -> bool:
    """Whether the scenario says that another org has it: the first identifier that was ever asked for."""
    if not ctx.tenant.get("identifier_taken"):
        return False
    if not ctx.tenant.settings.get("taken_identifier"):
        ctx.keep = {"taken_identifier": name.lower()}
        return True
    return name.lower() == ctx.tenant.settings["taken_identifier"]


def _claim(ctx: Context, row: Row, before: str) -> None:
    name = row.body["_instances"]["trunk_sip_termination_uri"]
    if before and before.lower() != name.lower():
        ctx.store.release(_scope(ctx), before)
    if name:
        ctx.store.claim(_scope(ctx), name, ctx.tenant.name, row.id)


# trunks


def show_trunk(ctx: Context, row: Row) -> dict[str, Any]:
    base = e.get(ctx, TRUNK_BASES, row.body["_base"])
    edge = show_edge(ctx, e.get(ctx, EDGES, row.body["edge"]["id"]))
    enabled = bool(base.body["_instances"]["trunk_enabled"]) and base.body["state"] == "active"
    up = enabled and edge["onlineStatus"] == "ONLINE" and time.time() >= row.body["_due"]
    proxies = base.body["_instances"]["trunk_transport_serverProxyList"]
    said = {proxy: far_end.answer(ctx, base, proxy) for proxy in proxies}
    up = up and not any(said.values())
    seen = {"name": base.body["name"], "state": base.body["state"], **e.show(ctx, TRUNKS, row)}
    seen |= {
        "trunkType": base.body["trunkType"],
        "edge": {k: edge[k] for k in ("id", "name", "selfUri")},
        "trunkBase": e.ref(ctx, TRUNK_BASES, base.id),
        "trunkMetabase": metabase(base.body["trunkMetabase"]["id"]),
        "edgeGroup": edge["edgeGroup"],
        "inService": up,
        "enabled": enabled,
        "connectedStatus": {"connected": up, "connectedStateTime": row.body["_since"]},
        "optionsStatus": [
            {
                "proxyAddress": proxy,
                "optionState": up,
                "optionStateTime": row.body["_since"],
                **({"errorInfo": said[proxy]} if said[proxy] else {}),
            }
            for proxy in proxies
        ],
        "registersStatus": [],
        "optionsEnabledStatus": "ENABLED",
        "registersEnabledStatus": "DISABLED",
        "family": 4,
        "proxyAddressList": proxies,
    }
    return seen


def list_trunks(ctx: Context) -> dict[str, Any]:
    asked = ctx.request.arg("trunkType").upper()
    if asked and asked != "EXTERNAL":
        return e.envelope(ctx, [], 0)
    wanted = {"edge.id": ctx.request.arg("edge.id"), "_base": ctx.request.arg("trunkBase.id")}
    return e.listing(ctx, TRUNKS, show_trunk, name_filter=False, equal={k: v for k, v in wanted.items() if v})


def search_trunks(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, TRUNKS, show_trunk, body_of(ctx), "trunks")


def list_edge_trunks(ctx: Context, edge_id: str) -> dict[str, Any]:
    e.get(ctx, EDGES, edge_id)
    return e.listing(ctx, TRUNKS, show_trunk, name_filter=False, equal={"edge.id": edge_id})


def get_trunk(ctx: Context, trunk_id: str) -> dict[str, Any]:
    return show_trunk(ctx, e.get(ctx, TRUNKS, trunk_id))


def get_metrics(ctx: Context, trunk_id: str) -> dict[str, Any]:
    row = e.get(ctx, TRUNKS, trunk_id)
    trunk = {"id": row.id, "name": row.name, "selfUri": e.path_of(TRUNKS, row)}
    return {
        "eventTime": row.body["_since"],
        "trunk": trunk,
        "calls": {"inboundCallCount": 0, "outboundCallCount": 0},
        "qos": {"mismatchCount": 0},
    }


def list_metrics(ctx: Context) -> list[dict[str, Any]]:
    """`GET …/trunks/metrics?trunkIds=a,b`; ids that are nobody's are left out."""
    held = {r.id for r in ctx.store.rows(ctx.tenant.name, TRUNKS.name)}
    return [get_metrics(ctx, id) for id in ctx.request.arg("trunkIds").split(",") if id in held]


def _base_of_group(ctx: Context, group_id: str, base_id: str) -> Row:
    group = e.get(ctx, EDGE_GROUPS, group_id)
    assigned = group.body.get("edgeTrunkBaseAssignment", {}).get("trunkBase", {})
    if base_id not in {r["id"] for r in [*group.body.get("phoneTrunkBases", []), *([assigned] if assigned else [])]}:
        raise Problem("no.path", path=f"{ctx.request.method} {ctx.request.path}")
    return e.get(ctx, TRUNK_BASES, base_id)


def get_group_base(ctx: Context, group_id: str, base_id: str) -> dict[str, Any]:
    return _without_managed(show(ctx, _base_of_group(ctx, group_id, base_id)))


def _without_managed(seen: dict[str, Any]) -> dict[str, Any]:
    """The model EdgeTrunkBase is TrunkBase without this one field."""
    return {k: v for k, v in seen.items() if k != "managed"}


def put_group_base(ctx: Context, group_id: str, base_id: str) -> dict[str, Any]:
    return _without_managed(put_base(ctx, _base_of_group(ctx, group_id, base_id).id))


def post_search(ctx: Context) -> dict[str, Any]:
    return search.answer(ctx, TRUNK_BASES, show, body_of(ctx), "trunkBases")


ROUTES = [
    Route("GET", BASE, list_bases),
    Route("POST", BASE, post_base),
    Route("GET", f"{BASE}/template", get_template),
    Route("GET", f"{BASE}/availablemetabases", list_metabases),
    Route("POST", f"{BASE}/search", post_search, write=False),
    Route("GET", f"{BASE}/site/{{site_id}}", list_for_site),
    Route("GET", f"{BASE}/{{base_id}}", get_base),
    Route("PUT", f"{BASE}/{{base_id}}", put_base),
    Route("DELETE", f"{BASE}/{{base_id}}", delete_base),
    Route("GET", TRUNKS_PATH, list_trunks),
    Route("POST", f"{TRUNKS_PATH}/search", search_trunks, write=False),
    Route("GET", f"{TRUNKS_PATH}/metrics", list_metrics),
    Route("GET", f"{EDGES_BASE}/edgegroups/{{group_id}}/edgetrunkbases/{{base_id}}", get_group_base),
    Route("PUT", f"{EDGES_BASE}/edgegroups/{{group_id}}/edgetrunkbases/{{base_id}}", put_group_base),
    Route("GET", f"{TRUNKS_PATH}/{{trunk_id}}", get_trunk),
    Route("GET", f"{TRUNKS_PATH}/{{trunk_id}}/metrics", get_metrics),
    Route("GET", f"{EDGES_BASE}/{{edge_id}}/trunks", list_edge_trunks),
]
