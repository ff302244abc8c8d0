"""Genesys Cloud's error answers, as a table.

Shape of the body: PureCloudPlatformClientV2 269.0.0, model ErrorBody. Texts marked `seen` are quoted in public
threads of the vendor's Terraform provider; `shape` means the status and shape are the vendor's and the wording ours.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One error: HTTP status, the platform's code, its sentence with {params}, and where we have it from."""

    status: int
    code: str
    text: str
    source: str


ERRORS: dict[str, Entry] = {
    "no.token": Entry(
        401, "authentication.required", "No authentication bearer token specified in authorization header.", "shape"
    ),
    "bad.token": Entry(401, "bad.credentials", "Invalid login credentials.", "shape"),
    "forbidden": Entry(
        403, "missing.any.permissions", "Unable to perform the requested action. You must have at least one of the "
        "following permissions assigned: [{permissions}]", "seen: the vendor's go client"
    ),
    "too.many": Entry(
        429, "too.many.requests", "Rate limit exceeded the maximum. Retry the request in [{wait}] seconds",
        "sure: the API's published description"
    ),
    "no.path": Entry(404, "not.found", "The requested resource was not found. The practice cloud serves no {path}", "shape"),
    "no.method": Entry(405, "method.not.allowed", "HTTP {method} is not allowed here", "shape"),
    "no.object": Entry(404, "not.found", "The requested resource was not found.", "shape"),
    "bad.json": Entry(400, "bad.request", "The request could not be understood by the server: {why}", "shape"),
    "bad.type": Entry(400, "invalid.value", "Field '{field}' must be a {wanted}.", "shape"),
    "bad.value": Entry(400, "invalid.value", "Value [{value}] is not valid for field type [{field}]. {why}", "shape"),
    "required": Entry(400, "bad.request", "Field '{field}' is required and cannot be empty.", "seen: provider issue 525"),
    "name.taken": Entry(400, "bad.request", "{kind} with name '{name}' already exists.", "seen: provider PR 1131"),
    "bad.version": Entry(
        409, "general.conflict", "The version number of the modified resource must match the version number in the "
        "database.", "seen: provider issue 1461"
    ),
    "no.reference": Entry(400, "bad.request", "{kind} with id '{id}' could not be found.", "shape"),
    "in.use": Entry(409, "general.conflict", "{kind} '{name}' is in use by {user} and cannot be deleted.", "shape"),
    "managed": Entry(400, "bad.request", "{kind} '{name}' is managed by the platform and cannot be changed.", "shape"),
    "not.ready": Entry(
        400, "bad.request", "The default {what} of this site are still being created. Please try again.", "shape"
    ),
    "plan.default": Entry(400, "bad.request", "Default number plan '{name}' cannot be removed.", "shape"),
    "plan.many": Entry(400, "bad.request", "A site can have at most {limit} number plans.", "shape"),
    "route.classification": Entry(
        400, "bad.request", "Classification '{name}' is already used by outbound route '{route}' of this site.", "shape"
    ),
    "classification": Entry(400, "bad.request", "Site has no number plan with classification '{name}'.", "shape"),
    "termination.taken": Entry(
        400, "bad.request", "The inbound SIP termination identifier '{name}' is already in use.", "shape"
    ),
    "product": Entry(
        403, "feature.not.enabled", "The organization is not authorized for product 'byoc'.", "shape"
    ),
    "emergency.taken": Entry(
        400, "bad.request", "Emergency number '{number}' is already in use by location '{name}'.", "shape"
    ),
    "address.locked": Entry(
        400, "bad.request", "The address of a location that has an emergency number cannot be changed.", "shape"
    ),
    "site.location": Entry(400, "bad.request", "Location '{name}' is not available for use on sites: {why}.", "shape"),
    "did.order": Entry(400, "bad.request", "The start of the DID range must not be after its end.", "shape"),
    "did.size": Entry(400, "bad.request", "A DID pool can hold at most {limit} numbers.", "shape"),
    "did.overlap": Entry(400, "bad.request", "The DID range overlaps the pool {start} - {end}.", "shape"),
    "did.range": Entry(400, "bad.request", "The range of a DID pool cannot be changed.", "shape"),
    "did.taken": Entry(400, "bad.request", "DID {number} is already assigned to {owner}.", "shape"),
    "did.no.pool": Entry(
        400, "bad.request", "Field 'didPoolId' is required and cannot be empty.", "seen: provider issue 525"
    ),
    "internal": Entry(500, "internal.server.error", "The server encountered an unexpected condition which prevented it from "
        "fulfilling the request.", "seen: a Go client's table of the platform's errors"),
}  # fmt: skip


class Problem(Exception):
    """Raise it in a handler and the client gets that entry of `ERRORS`."""

    def __init__(self, key: str, *, entity_id: str = "", entity_name: str = "", **params: str):
        super().__init__(key)
        self.entry, self.params = ERRORS[key], {k: str(v) for k, v in params.items()}
        self.entity_id, self.entity_name = entity_id, entity_name

    def body(self, context_id: str) -> dict[str, Any]:
        """The error body, `contextId` being the correlation id."""
        entry = self.entry
        body: dict[str, Any] = {
            "message": re.sub(r"\{(\w+)\}", lambda m: self.params.get(m[1], m[0]), entry.text),
            "code": entry.code,
            "status": entry.status,
            "contextId": context_id,
            "details": [],
            "errors": [],
        }
        if self.params:
            body["messageWithParams"], body["messageParams"] = entry.text, self.params
        if self.entity_id:
            body["entityId"] = self.entity_id
        if self.entity_name:
            body["entityName"] = self.entity_name
        return body
