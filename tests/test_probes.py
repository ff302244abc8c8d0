"""Probes against local servers that answer, refuse, lie or stay silent; the test call against a Twilio of ours."""

from __future__ import annotations

import datetime
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

import httpx
import pytest
from orgs import chapter, partner_maker

from byoc_helpers import probes
from byoc_helpers.clouds.twilio import TwilioAccount
from byoc_helpers.exceptions import CheckFailed, OutcomeUnknown
from byoc_helpers.secrets import Secret

HOST = "localhost"


def reply(request: bytes, status: str = "200 OK", call_id: str | None = None) -> bytes:
    copied = [line for line in request.decode().split("\r\n") if re.match(r"Via|From|To|CSeq", line)]
    own = re.search(r"Call-ID: (.*)", request.decode())[1].strip()
    return "\r\n".join([f"SIP/2.0 {status}", *copied, f"Call-ID: {call_id or own}", "Content-Length: 0", "", ""]).encode()


@contextmanager
def udp(answer: Callable[[bytes, int], list[bytes]]) -> Iterator[tuple[int, list[bytes]]]:
    """A UDP server: `answer(request, how many came before)` gives the datagrams to send back."""
    seen: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    request, sender = server.recvfrom(65535)
                except TimeoutError:
                    continue
                seen.append(request)
                for message in answer(request, len(seen) - 1):
                    server.sendto(message, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], seen
        finally:
            stop.set()
            thread.join()


@contextmanager
def stream(parts: Callable[[bytes], list[bytes]], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A TCP or TLS server that answers each connection's first request with these parts, then closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    plain, _ = server.accept()
                except TimeoutError:
                    continue
                plain.settimeout(2)
                try:
                    with context.wrap_socket(plain, server_side=True) if context else plain as wire:
                        if request := wire.recv(65535):
                            for part in parts(request):
                                wire.sendall(part)
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()


# ---------------------------------------------------------------- SIP OPTIONS


def test_an_answer_over_udp():
    with udp(lambda request, n: [reply(request)]) as (port, seen):
        answer = probes.options(HOST, port, "udp")
    assert (answer.status, answer.reason) == (200, "OK") and 0 <= answer.ms < 5000
    first, *rest = seen[0].decode().split("\r\n")
    assert first == f"OPTIONS sip:localhost:{port} SIP/2.0" and rest[-2:] == ["", ""]
    headers = {line.partition(":")[0] for line in rest if line}
    assert headers >= {"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length"}, "RFC 3261, 8.1.1"
    assert re.search(r"Via: SIP/2.0/UDP 127.0.0.1:\d+;branch=z9hG4bK\w+;rport", seen[0].decode())


def test_a_lost_datagram_is_sent_again():
    with udp(lambda request, n: [reply(request)] if n == 1 else []) as (port, seen):
        assert probes.options(HOST, port, "udp").status == 200
    assert len(seen) == 2 and seen[0] == seen[1]


def test_what_is_not_the_answer_is_passed_over():
    with udp(lambda request, n: [b"\x00\xff nonsense", reply(request, "200 OK", "another@call"), reply(request, "100 Trying"),
                                 reply(request, "403 Forbidden")]) as (port, _):
        assert probes.options(HOST, port, "udp").status == 403


def test_silence_is_a_warning():
    with udp(lambda request, n: []) as (port, _):
        row = probes.answers("x", HOST, port, "udp", timeout=0.3)
    assert row.passed and row.warning and "silence for 0.3 s" in row.found and "addresses it knows" in row.remedy


def test_nobody_there_fails():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    row = probes.answers("x", HOST, port, "tcp", timeout=1)
    assert not row.passed and "refused" in row.found.lower() and "firewall" in row.remedy


def test_an_answer_over_tcp_in_pieces():
    def pieces(request: bytes) -> list[bytes]:
        whole = reply(request, "100 Trying") + reply(request, "404 Not Found")
        return [whole[i:i + 7] for i in range(0, len(whole), 7)]

    with stream(pieces) as port:
        row = probes.answers("x", HOST, port, "tcp")
    assert row.passed and row.found.startswith("404 Not Found after ")


def test_a_connection_closed_without_an_answer_fails():
    with stream(lambda request: []) as port:
        row = probes.answers("x", HOST, port, "tcp")
    assert not row.passed and ("closed" in row.found or "reset" in row.found.lower())


def test_an_answer_cannot_bring_control_characters():
    with udp(lambda request, n: [reply(request, "200 \x1b[31mred" + "x" * 500)]) as (port, _):
        reason = probes.options(HOST, port, "udp").reason
    assert "\x1b" not in reason and len(reason) == 80


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Makes a server's context with a certificate of our own for `name`, good for `days`, and a client's that trusts it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def make(name: str, days: float) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Practice Authority"), x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        made = (x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(1)
                .not_valid_before(now - datetime.timedelta(days=90)).not_valid_after(now + datetime.timedelta(days=days))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, hashes.SHA256()))
        pem = made.public_bytes(serialization.Encoding.PEM)
        (folder / "c.pem").write_bytes(pem)
        (folder / "k.pem").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(folder / "c.pem", folder / "k.pem")
        return server, ssl.create_default_context(cadata=pem.decode())

    return make


def test_an_answer_and_a_good_certificate_over_tls(authority):
    server, client = authority(HOST, 60.5)
    with stream(lambda request: [reply(request)], server) as port:
        row = probes.certificate("x", HOST, port, client)
        assert row.passed and not row.warning and "from Practice Authority, until 20" in row.found and row.found.startswith("TLSv1.")
        assert probes.options(HOST, port, "tls", client).status == 200


@pytest.mark.parametrize(("name", "days", "trusted", "said"), [
    ("other.example", 60, True, "Hostname mismatch"), (HOST, -1, True, "expired"), (HOST, 60, False, "self-signed"),
])
def test_a_certificate_that_must_not_be_trusted(authority, name, days, trusted, said):
    server, client = authority(name, days)
    with stream(lambda request: [reply(request)], server) as port:
        row = probes.certificate("x", HOST, port, client if trusted else None)
        assert not row.passed and said in row.found
        assert not probes.answers("x", HOST, port, "tls", client if trusted else None).passed


def test_a_certificate_that_ends_soon_is_a_warning(authority):
    server, client = authority(HOST, 3.5)
    with stream(lambda request: [], server) as port:
        row = probes.certificate("x", HOST, port, client)
    assert row.passed and row.warning and "ends in 3 days" in row.remedy


def test_no_tls_there():
    with stream(lambda request: [b"SIP/2.0 400 Bad Request\r\n\r\n"]) as port:
        row = probes.certificate("x", HOST, port, timeout=1)
    assert not row.passed and f"no TLS on port {port}" in row.found


# ---------------------------------------------------------------- both ends


def test_names_that_resolve_and_names_that_do_not():
    assert probes.resolve("x", HOST).found == "127.0.0.1"
    row = probes.resolve("x", "nobody.invalid")
    assert not row.passed and row.found == "none" and "identifier" in row.remedy


def test_both_ends_are_probed_and_one_that_fails_does_not_stop_the_other(monkeypatch):
    params = partner_maker("Probed")(sip_servers=["sbc.example.com:5999"])
    asked: list[tuple] = []
    monkeypatch.setattr(probes, "resolve", lambda name, host: probes.Check(name, "", "", host == "sbc.example.com"))
    monkeypatch.setattr(probes, "answers", lambda *a, **k: asked.append(a) or probes.Check(a[0], "", "", True))
    rows = probes.run(params)
    assert [(r.name, r.passed) for r in rows] == [("Inbound: DNS", False), ("Outbound: DNS", True), ("Outbound: SIP OPTIONS", True)]
    assert [a[1:4] for a in asked] == [("sbc.example.com", 5999, "udp")]


def test_on_the_practice_clouds_and_unasked_the_cells_are_sentences(monkeypatch):
    monkeypatch.setattr(probes, "run", lambda *a: pytest.fail("probed"))
    make = partner_maker("Unasked")
    quiet, asked = chapter("08", make()), chapter("08", make(probe=True, test_call_from="+33123456789"))
    assert quiet.probe() == "Not asked for: probe is false."
    assert quiet.price_test_call() == quiet.test_call() == "Not asked for: test_call_from is empty."
    assert "live orgs" in asked.probe() and "live orgs" in asked.price_test_call() == asked.test_call()


# ---------------------------------------------------------------- the test call

TO, FROM, SID = "+33123456789", "+14155550100", "CA" + "0" * 32


class Phone:
    """A Twilio that prices and places calls; `states` are told one a read."""

    def __init__(self, *states: str, prices: list[dict] | None = None, lost: bool = False):
        self.states, self.lost, self.seen = list(states), lost, []
        self.prices = [{"base_price": "0.02", "current_price": "0.015", "origination_prefixes": ["ALL"]},
                       {"base_price": "0.2", "current_price": "0.15", "origination_prefixes": ["44"]}] if prices is None else prices
        self.account = TwilioAccount("AC" + "1" * 32, "SK" + "1" * 32, Secret("not-a-real-secret"))
        self.account.transport._client = httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
        self.seen.append((request.method, request.url.host, request.url.path, form or dict(request.url.params)))
        if request.url.host == "pricing.twilio.com":
            trunking = "/Trunking/" in request.url.path
            return httpx.Response(200, json={"url": str(request.url), "destination_number": TO, "price_unit": "USD", "outbound_call_prices": self.prices}
                                  | ({"originating_call_price": {"current_price": "0.0045"}} if trunking else {}))
        if request.url.path.endswith("Notifications.json"):
            notes = [{"error_code": "32011", "message_text": "Error communicating with your SIP communications infrastructure"}]
            return httpx.Response(200, json={"notifications": notes if self.states[0] == "failed" else [], "page": 0, "next_page_uri": None, "uri": request.url.path})
        if request.method == "POST" and request.url.path.endswith("Calls.json") and self.lost:
            raise httpx.ReadError("lost", request=request)
        if request.method == "GET" and len(self.states) > 1:
            self.states.pop(0)
        body = {"sid": SID, "status": self.states[0], "duration": "4", "price": "-0.015", "price_unit": "USD", "uri": request.url.path}
        return httpx.Response(201 if request.method == "POST" else 200, text=json.dumps(body))


def test_the_price_is_told_before_anything_is_placed():
    phone = Phone("queued")
    assert "at most 0.15 USD to call, and 0.0045 for the trunk to take it." in probes.price(phone.account, TO, FROM)
    assert [(m, h) for m, h, *_ in phone.seen] == [("GET", "pricing.twilio.com")] * 2
    assert phone.seen[0][2:] == (f"/v2/Voice/Numbers/{TO}", {"OriginationNumber": FROM})


def test_without_a_price_none_is_placed():
    with pytest.raises(CheckFailed, match="knows no price"):
        probes.price(Phone("queued", prices=[]).account, TO, FROM)


def test_a_call_that_is_answered():
    phone = Phone("queued", "ringing", "in-progress", "completed")
    (row,) = probes.call(phone.account, TO, FROM)
    assert row.passed and row.found == f"completed after 4 s, -0.015 USD ({SID})"
    placed = [f for m, _, path, f in phone.seen if m == "POST"]
    assert len(placed) == 1 and placed[0]["To"] == TO and placed[0]["From"] == FROM
    assert int(placed[0]["TimeLimit"]) == probes.CALL_SECONDS <= 60 and int(placed[0]["Timeout"]) == probes.RING_SECONDS


@pytest.mark.parametrize("state", sorted(probes.ENDED - {"completed"}))
def test_a_call_that_is_not_answered(state):
    row, *errors = probes.call(Phone("queued", state).account, TO, FROM)
    assert not row.passed and row.found.startswith(state) and row.remedy
    assert [e.name for e in errors] == (["Test call: error 32011"] if state == "failed" else [])


def test_a_call_that_does_not_end_is_ended():
    phone = Phone("ringing")
    (row,) = probes.call(phone.account, TO, FROM, seconds=0.3)
    assert not row.passed and SID in row.remedy
    assert phone.seen[-1][0] == "POST" and phone.seen[-1][3] == {"Status": "completed"}


def test_a_call_whose_answer_was_lost_is_not_placed_again():
    phone = Phone("queued", lost=True)
    with pytest.raises(OutcomeUnknown):
        probes.call(phone.account, TO, FROM)
    assert len(phone.seen) == 1
