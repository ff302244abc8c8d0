"""Twilio's error answers, as a table.

Codes and names: Twilio's error dictionary. The 20404 text and the body's four keys are as captured from the live
API; Twilio publishes neither the HTTP status of the 212xx family nor their exact texts: 400 and our wording.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One error: HTTP status and the message with {params}."""

    status: int
    text: str


ERRORS: dict[int, Entry] = {
    20001: Entry(400, "{why}"),
    20002: Entry(400, "Invalid FriendlyName: {why}"),
    20003: Entry(401, "Authenticate"),
    20004: Entry(405, "Method not allowed"),
    20404: Entry(404, "The requested resource {path} was not found"),
    20429: Entry(429, "Too Many Requests"),
    20500: Entry(500, "An internal server error has occurred"),
    21235: Entry(400, "IP Access Control List Validation Error: {why}"),
    21236: Entry(400, "IP Access Control List {name} is in use by trunk {trunk} and cannot be deleted"),
    21237: Entry(400, "Too many IP addresses: an IP Access Control List can have at most {limit}"),
    21238: Entry(400, "IP Address Validation Error: {why}"),
    21239: Entry(400, "Too many Credential Lists: an account can have at most {limit}"),
    21240: Entry(400, "Credential List Validation Error: {why}"),
    21241: Entry(400, "Credential List {name} is in use by trunk {trunk} and cannot be deleted"),
    21242: Entry(400, "Too many Credentials: a Credential List can have at most {limit}"),
    21243: Entry(400, "Credential Validation Error: {why}"),
    21244: Entry(400, "Maximum Number of Trunks reached: {limit}"),
    21245: Entry(400, "Trunk Validation Error: {why}"),
    21247: Entry(400, "Trunk Dependencies: {why}"),
    21248: Entry(400, "Trunk Domain already taken: {name}"),
    21249: Entry(400, "Maximum Origination URIs reached: {limit}"),
    21255: Entry(400, "Too many IP Access Control Lists: an account can have at most {limit}"),
    21421: Entry(400, "PhoneNumber {number} is not valid"),
    21422: Entry(400, "PhoneNumber {number} is not available"),
    21481: Entry(400, "Invalid PageToken"),
    32219: Entry(400, "Origination URI not allowed: {why}"),
}


class Problem(Exception):
    """Raise it in a handler and the client gets that entry of `ERRORS`."""

    def __init__(self, code: int, **params: str):
        super().__init__(code)
        self.code, self.params, self.status = code, params, ERRORS[code].status

    def body(self, path: str) -> dict[str, Any]:
        text = ERRORS[self.code].text.format_map({"path": path, **self.params})
        body: dict[str, Any] = {"code": self.code, "message": text}
        if self.code == 20003:
            body["detail"] = ""
        return {**body, "more_info": f"https://www.twilio.com/docs/errors/{self.code}", "status": self.status}
