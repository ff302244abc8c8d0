"""Probes of the real network: does the name resolve, is the certificate good, does anybody answer, does a call arrive?

They leave the two APIs and touch the trunk's own addresses, so they are for live orgs, and only when asked for. Each gives a
row (`Check`). Both clouds answer SIP only to addresses they know, and this machine is not one of them: any SIP answer proves that the
way is open, while silence over UDP proves nothing and is a warning.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from .clouds.twilio import TwilioAccount
from .exceptions import CheckFailed, DeadlineExceeded, NotFound
from .params import Params
from .precheck import Check
from .reconcile import poll

Transport = Literal["udp", "tcp", "tls"]
TIMEOUT = 5.0  # seconds, one probe
FIRST_AGAIN = 0.5  # seconds until a UDP request is sent again; doubles each time (RFC 3261, timer E)
EXPIRES_SOON = 14  # days
CALL_SECONDS = 30  # a test call is ended by Twilio after this many
RING_SECONDS = 20
LONGEST_ANSWER = 65_535  # bytes
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
TWIML = "<Response><Say>This is a test call.</Say><Pause length=\"2\"/><Hangup/></Response>"


@dataclass(frozen=True)
class Answer:
    """A SIP answer: `status` 100–699, `reason` as sent, `ms` until it came."""

    status: int
    reason: str
    ms: int


def run(params: Params, context: ssl.SSLContext | None = None) -> list[Check]:
    """Every probe of the trunk's two ends, a row each; a failed one does not stop the others.

    Args:
        context: for TLS; None trusts the machine's own certificate authorities.
    """
    transport: Transport = params.transport  # type: ignore[assignment]
    ends = [("Inbound", params.inbound_fqdn, 5061 if params.secure else 5060)]
    for server in params.servers:
        host, _, port = server.partition(":")
        ends.append(("Outbound", host, int(port or (5061 if params.secure else 5060))))
    return [check for way, host, port in ends for check in _end(way, host, port, transport, context)]


def _end(way: str, host: str, port: int, transport: Transport, context: ssl.SSLContext | None) -> Iterator[Check]:
    name = resolve(f"{way}: DNS", host)
    yield name
    if name.passed:
        if transport == "tls":
            yield certificate(f"{way}: certificate", host, port, context)
        yield answers(f"{way}: SIP OPTIONS", host, port, transport, context)


def resolve(name: str, host: str) -> Check:
    """Has the host an IPv4 address? Both clouds' SIP is IPv4 only."""
    try:
        found = sorted({str(i[4][0]) for i in socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        found = []
    return Check(name, f"{host} has an address", ", ".join(found) or "none", bool(found),
                 "" if found else "Check identifier, byoc_domain and termination_domain; a new name may take minutes to appear in DNS.")


def certificate(name: str, host: str, port: int, context: ssl.SSLContext | None = None, timeout: float = TIMEOUT) -> Check:
    """Is the host's TLS certificate for its name, from a trusted authority, and good for another two weeks?"""
    expected = f"trusted, for {host}, good for {EXPIRES_SOON} days"
    try:
        with socket.create_connection((host, port), timeout) as raw, _context(context).wrap_socket(raw, server_hostname=host) as tls:
            held: Any = tls.getpeercert()
            version = tls.version()
    except ssl.SSLCertVerificationError as error:
        return Check(name, expected, error.verify_message, False, "The far end would be refused for the same reason. Ask its vendor's support.")
    except OSError as error:
        return Check(name, expected, f"no TLS on port {port} ({_why(error)})", False, "Check port and firewall; TLS is on 5061.")
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(held["notAfter"]), UTC)
    issuer = dict(pair for part in held["issuer"] for pair in part)
    left = (ends - datetime.now(UTC)).days
    said = f"{version}, from {issuer.get('organizationName') or issuer.get('commonName') or 'unnamed'}, until {ends:%Y-%m-%d}"
    return Check(name, expected, said, True, f"It ends in {left} days: its vendor must renew it." if left < EXPIRES_SOON else "", left < EXPIRES_SOON)


def answers(name: str, host: str, port: int, transport: Transport, context: ssl.SSLContext | None = None, timeout: float = TIMEOUT) -> Check:
    """Does anybody answer a SIP OPTIONS there? Any SIP answer will do, a refusal too."""
    expected = f"a SIP answer from {host}:{port} over {transport.upper()}"
    try:
        answer = options(host, port, transport, context, timeout)
    except TimeoutError:
        return Check(name, expected, f"silence for {timeout:g} s", True, "Either end answers only to addresses it knows, so that silence need not "
                     "be a fault. The trunk's own state (above) counts more.", warning=True)
    except OSError as error:
        return Check(name, expected, _why(error), False, "Check host, port, transport and the firewall on the way from this machine.")
    return Check(name, expected, f"{answer.status} {answer.reason} after {answer.ms} ms", True)


def options(host: str, port: int, transport: Transport, context: ssl.SSLContext | None = None, timeout: float = TIMEOUT) -> Answer:
    """Send one SIP OPTIONS and return the final answer; over UDP it is sent again until one comes.

    Raises:
        TimeoutError: none came in time.
        OSError: no connection, a broken one, or (ssl.SSLError) no trusted TLS.
    """
    began = time.monotonic()
    ends, call_id = began + timeout, f"{secrets.token_hex(8)}@byoc-runbook.invalid"
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    family, _, _, _, address = socket.getaddrinfo(host, port, socket.AF_INET, kind)[0]
    with socket.socket(family, kind) as plain:
        plain.settimeout(timeout)
        plain.connect(address)
        with _context(context).wrap_socket(plain, server_hostname=host) if transport == "tls" else nullcontext(plain) as wire:
            message = _request(host, port, transport, call_id, _own_end(wire))
            for text in _datagrams(wire, message, ends) if transport == "udp" else _stream(wire, message, ends):
                found = _answer(text, call_id)
                if found and found[0] >= 200:
                    return Answer(*found, round((time.monotonic() - began) * 1000))
    raise TimeoutError


def _own_end(wire: socket.socket) -> str:
    address, port = wire.getsockname()[:2]
    return f"{address}:{port}"


def _request(host: str, port: int, transport: Transport, call_id: str, here: str) -> bytes:
    target = f"sip:{host}:{port}" + ("" if transport == "udp" else f";transport={transport}")
    lines = (
        f"OPTIONS {target} SIP/2.0", f"Via: SIP/2.0/{transport.upper()} {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70", f"From: <sip:probe@{here}>;tag={secrets.token_hex(4)}", f"To: <{target}>", f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS", f"Contact: <sip:probe@{here}>", "Accept: application/sdp", "User-Agent: byoc-runbook", "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _datagrams(wire: socket.socket, message: bytes, ends: float) -> Iterator[bytes]:
    again, wait = 0.0, FIRST_AGAIN
    while (now := time.monotonic()) < ends:
        if now >= again:
            wire.send(message)
            again, wait = now + wait, wait * 2
        wire.settimeout(max(0.001, min(again, ends) - now))
        with suppress(TimeoutError):
            yield wire.recv(LONGEST_ANSWER)


def _stream(wire: socket.socket, message: bytes, ends: float) -> Iterator[bytes]:
    wire.sendall(message)
    held = b""
    while (left := ends - time.monotonic()) > 0 and len(held) < LONGEST_ANSWER:
        wire.settimeout(left)
        part = wire.recv(4096)
        if not part:
            raise ConnectionResetError("the connection was closed without an answer")
        held += part
        while (end := held.find(b"\r\n\r\n")) >= 0:
            head, held = held[:end], held[end + 4:].lstrip(b"\r\n")
            yield head


def _answer(text: bytes, call_id: str) -> tuple[int, str] | None:
    """(status, reason) of a SIP answer to this very request, else None."""
    first, *headers = text.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
    version, _, rest = first.strip().partition(" ")
    status, _, reason = rest.partition(" ")
    fields = {k.strip().lower(): v.strip() for k, _, v in (h.partition(":") for h in headers)}
    ours = call_id in (fields.get("call-id"), fields.get("i"))
    if version != "SIP/2.0" or not ours or not (status.isascii() and status.isdigit() and len(status) == 3):
        return None
    return int(status), "".join(c for c in reason if c.isprintable())[:80]


def _context(context: ssl.SSLContext | None) -> ssl.SSLContext:
    if context is None:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


# ---------------------------------------------------------------- a test call


def price(account: TwilioAccount, to: str, caller: str) -> str:
    """What a test call costs at most, as a sentence; from Twilio's pricing API, for this account, now.

    Raises:
        CloudError: it can't be asked.
        CheckFailed: it knows no price for the number.
    """
    told = account.pricing.voice.numbers(to).fetch(origination_number=caller)
    prices = [str(p["current_price"]) for p in told.outbound_call_prices or () if p.get("current_price") is not None]
    if not prices:
        raise CheckFailed(f"Twilio's pricing API knows no price for a call to {to}, so none is placed.")
    dearest = max(prices, key=float)
    incoming = (account.pricing.numbers(to).fetch().originating_call_price or {}).get("current_price")  # what the trunk pays for its half
    return (f"A test call from {caller} to {to} rings for up to {RING_SECONDS} s and is ended after {CALL_SECONDS} s. Twilio bills the minute "
            f"begun: at most {dearest} {told.price_unit} to call" + (f", and {incoming} for the trunk to take it." if incoming else "."))


def call(account: TwilioAccount, to: str, caller: str, seconds: float = CALL_SECONDS + RING_SECONDS + 30.0) -> list[Check]:
    """Place one call through Twilio to a number of the trunk, wait for its end, and say how it ended.

    Args:
        seconds: the longest wait; a call that has not ended by then is ended.

    Raises:
        CloudError: Twilio refuses it; `OutcomeUnknown`: the answer was lost, and it is not placed again.
    """
    placed = account.calls.create(to=to, from_=caller, twiml=TWIML, time_limit=CALL_SECONDS, timeout=RING_SECONDS)
    try:
        done = poll(lambda: found if (found := account.calls(placed.sid).fetch()).status in ENDED else None, "", seconds)
    except DeadlineExceeded:
        account.calls(placed.sid).update(status="completed")
        return [Check("Test call", "it ends", f"still going after {seconds:.0f} s, so it was ended", False,
                      f"See call {placed.sid} in the Console (Monitor – Logs – Calls).")]
    paid = f", {done.price} {done.price_unit}" if done.price else ""
    row = Check("Test call", f"{to} answers", f"{done.status} after {done.duration or 0} s{paid} ({done.sid})", done.status == "completed",
                _CALL_REMEDIES.get(str(done.status), ""))
    return [row, *_errors(account, done.sid)]


_CALL_REMEDIES = {
    "busy": "The call arrived and was refused: see who the number is assigned to (chapter 07).",
    "no-answer": "The call may have arrived and nobody answered: see who the number is assigned to, and call again.",
    "failed": "The call did not arrive: see the rows about the inbound way, and the call in the Console (Monitor – Logs – Calls).",
    "canceled": "Somebody ended it before it was answered.",
}


def _errors(account: TwilioAccount, sid: str) -> Iterator[Check]:
    """What Twilio noted about the call, with its error code; 32010 and 32011 are the trunk's own."""
    with suppress(NotFound):
        for note in account.calls(sid).notifications.list(limit=5):
            yield Check(f"Test call: error {note.error_code}", "none", note.message_text or note.more_info or "no text", False,
                        f"Look up {note.error_code} in Twilio's error list.")
