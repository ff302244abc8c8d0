"""The wire: what is repeated, what is not, and what an error says. Against a local server that misbehaves."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import itertools
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from byoc_helpers import journal, machine, secrets
from byoc_helpers.clouds.genesys import describe
from byoc_helpers.clouds.transport import LONGEST_WAIT, WAIT, Reply, Transport, _Again
from byoc_helpers.exceptions import CloudError, Conflict, Forbidden, NotFound, OutcomeUnknown, Unauthorized

OK = (200, {}, b'{"fine": true}')


class _Server(ThreadingHTTPServer):
    """Gives the scripted answers in turn, then OK; an answer of None closes the connection instead."""

    daemon_threads = True

    def __init__(self):
        self.script: list[tuple[int, dict, bytes] | None] = []
        self.seen: list[tuple[str, str, dict]] = []
        self.slow: list[float] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", 65536
    server: _Server

    def _any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        answer = self.server.script.pop(0) if self.server.script else OK
        if answer is None:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        status, headers, body = answer
        time.sleep(self.server.slow.pop(0) if self.server.slow else 0.0)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def wire(server) -> Transport:
    return Transport("Genesys Cloud", r"(api|login)\.mypurecloud\.ie", describe, server.url, deadline=5)


URL = "https://api.mypurecloud.ie/api/v2/things"


def test_the_genuine_host_is_sent_to_the_practice_address(wire, server):
    wire.send("GET", URL, query={"name": "a b"})
    method, path, headers = server.seen[0]
    assert (method, path, headers["Host"]) == ("GET", "/api/v2/things?name=a+b", "api.mypurecloud.ie")


def test_a_strange_host_is_refused(wire, server):
    with pytest.raises(CloudError, match=r"refusing to call https://evil\.example"):
        wire.send("GET", "https://evil.example/api/v2/things")
    assert server.seen == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("trouble", [(503, {}, b"{}"), (500, {}, b"{}"), (429, {"Retry-After": "0"}, b"{}"), None])
def test_what_reads_or_deletes_is_repeated(wire, server, method, trouble):
    server.script = [trouble, trouble]
    assert json.loads(wire.send(method, URL).text) == {"fine": True}
    assert len(server.seen) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("trouble", [(503, {}, b"{}"), (500, {}, b"{}"), None])
def test_what_may_have_been_carried_out_is_not_repeated(wire, server, method, trouble):
    server.script = [trouble]
    with pytest.raises(OutcomeUnknown):
        wire.send(method, URL, json={"a": 1})
    assert len(server.seen) == 1


def test_a_refusal_for_rate_is_repeated_even_for_a_write(wire, server):
    server.script = [(429, {"Retry-After": "0"}, b"{}")]
    wire.send("POST", URL, json={"a": 1})
    assert len(server.seen) == 2


def test_a_retry_prints_nothing(wire, server, capfd):
    server.script = [(503, {}, b"{}")]
    wire.send("GET", URL)
    assert "".join(capfd.readouterr()) == ""


def test_a_search_is_a_read(wire, server):
    server.script = [None]
    wire.send("POST", URL + "/search", json={"a": 1})
    assert len(server.seen) == 2


def test_a_wait_longer_than_the_deadline_is_not_begun(wire, server):
    server.script = [(429, {"Retry-After": "3600"}, b'{"message": "Rate limit exceeded", "code": "too.many.requests"}')]
    with pytest.raises(CloudError, match=r"answered 429 too\.many\.requests"):
        wire.send("GET", URL)
    assert len(server.seen) == 1


def test_nobody_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    wire = Transport("Twilio", r".*\.twilio\.com", describe, url, deadline=0.5)
    with pytest.raises(CloudError, match="Twilio could not be reached"):
        wire.send("POST", "https://api.twilio.com/x", form={"a": "b"})


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (400, CloudError)])
def test_each_status_has_its_error(wire, server, status, kind):
    server.script = [(status, {"ININ-Correlation-Id": "corr-1"}, b'{"message": "No way.", "code": "no.way"}')]
    with pytest.raises(kind) as error:
        wire.send("POST", URL, json={})
    assert type(error.value) is kind
    assert str(error.value) == f"Genesys Cloud answered {status} no.way to POST /api/v2/things: No way. Reference for support: corr-1."
    assert (error.value.status, error.value.code, error.value.correlation_id) == (status, "no.way", "corr-1")


def test_an_answer_that_is_not_json(wire, server):
    server.script = [(400, {}, b"<html>proxy</html>")]
    with pytest.raises(CloudError, match="not JSON"):
        wire.send("GET", URL)


@pytest.mark.parametrize(("answer", "said"), [
    ((302, {"Location": "https://evil.example/"}, b""), "answered 302"), ((200, {"Content-Type": "text/html"}, b"<html>log in</html>"), "not JSON")])
@pytest.mark.parametrize(("method", "kind"), [("GET", CloudError), ("POST", OutcomeUnknown)])
def test_what_is_no_answer_of_the_cloud_is_an_error(wire, server, answer, said, method, kind):
    server.script = [answer]
    with pytest.raises(CloudError, match=said) as error:
        wire.send(method, URL, headers={"Authorization": "Bearer x"})
    assert type(error.value) is kind and len(server.seen) == 1


def test_live_hosts_are_called_over_tls_only(wire, server):
    with pytest.raises(CloudError, match="refusing to call http://api"):
        wire.send("GET", URL.replace("https", "http"))
    assert server.seen == []


@pytest.mark.parametrize("body", [b"", b"{", b'"text"', b"3"])
def test_nothing_where_something_was_asked_for_is_not_taken_for_none(wire, server, body):
    """An empty page would say that the object isn't there, and it would be made again."""
    server.script = [(200, {}, body)] * (2 if body == b"{" else 1)
    with pytest.raises(CloudError, match=r"not JSON|no reason given"):
        wire.send("GET", URL)
    if body == b"{":
        with pytest.raises(OutcomeUnknown):
            wire.send("POST", URL, json={})
    with pytest.raises(OutcomeUnknown):
        server.script = [(200, {}, body)]
        wire.send("PUT", URL, json={})
    server.script = [(204, {}, b"")]
    assert wire.send("DELETE", URL).text == ""


@pytest.mark.parametrize("trouble", [None, (503, {}, b"{}")])
def test_a_deletion_whose_answer_was_lost_is_done_when_the_object_is_gone(wire, server, trouble):
    gone = (404, {}, b'{"message": "no such thing", "code": "not.found"}')
    server.script = [trouble, gone]
    assert wire.send("DELETE", URL + "/1").status == 204
    server.script = [gone]
    with pytest.raises(NotFound):
        wire.send("DELETE", URL + "/1")
    server.script = [(429, {}, b"{}"), gone]
    with pytest.raises(NotFound):
        wire.send("DELETE", URL + "/1")


def test_the_last_attempt_gets_its_time(server):
    """An answer that comes after the deadline is one: throwing it away would leave a write unknown that was carried out."""
    wire = Transport("Genesys Cloud", r"api\.mypurecloud\.ie", describe, server.url, deadline=0.5)
    server.script = [(429, {"Retry-After": "0.3"}, b"{}")]
    server.slow = [0.0, 0.3]
    assert wire.send("POST", URL, json={}).status == 200
    server.script = [(429, {"Retry-After": "0.1"}, b'{"code": "too.many.requests", "message": "Rate limit"}')] * 50
    with pytest.raises(CloudError, match=r"answered 429 too\.many\.requests"):
        wire.send("GET", URL)


def test_a_time_out_of_the_cloud_is_repeated_for_what_reads(wire, server):
    server.script = [(408, {}, b"{}")]
    wire.send("GET", URL)
    server.script = [(408, {}, b"{}")]
    with pytest.raises(OutcomeUnknown):
        wire.send("POST", URL, json={})


def test_a_date_to_come_back_at_is_honoured(wire, server):
    later = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), usegmt=True)
    server.script = [(429, {"Retry-After": later}, b"{}")]
    with pytest.raises(CloudError) as error:
        wire.send("GET", URL)
    assert len(server.seen) == 1 and 3500 < error.value.retry_after <= 3600


def test_a_client_near_its_limit_waits_before_it_asks_again(server, monkeypatch):
    slept = []
    monkeypatch.setattr(machine.time, "sleep", slept.append)
    server.script = [(200, {"inin-ratelimit-count": "280", "inin-ratelimit-allowed": "300", "inin-ratelimit-reset": "4"}, b"{}")]
    whose = str(uuid.uuid4())
    try:
        one, two = (Transport("Genesys Cloud", r"api\.mypurecloud\.ie", describe, server.url, deadline=5, client=whose) for _ in range(2))
        one.send("GET", URL)
        assert not any(slept)
        two.send("GET", URL)
        assert 3 < max(slept) < 5.1 and len(server.seen) == 2
    finally:
        machine.shared(f"pace/Genesys Cloud/{whose}").unlink()


def test_waits_grow_and_differ():
    refused = Reply(429, {}, "")
    waits = [[Transport._pause(_Again(refused, 0.0), True, time.monotonic() + 60, n) for n in range(1, 9)] for _ in range(2)]
    assert all(b > a for a, b in itertools.pairwise(waits[0][:6])) and max(waits[0]) <= 1.3 * LONGEST_WAIT
    assert waits[0] != waits[1]
    assert Transport._pause(_Again(refused, 5.0), True, time.monotonic() + 60, 1) >= 5.0


def test_a_certificate_nobody_vouches_for_is_said_and_nothing_is_sent(tmp_path):
    """No repetition can help, and the word is certificate, not network."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "api.mypurecloud.ie")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, private.public_key(), 1, now, now + dt.timedelta(days=1)).sign(private, hashes.SHA256())
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    heard.append("hello")
                    with contextlib.suppress(OSError):
                        context.wrap_socket(connection, server_side=True)

        threading.Thread(target=answer, daemon=True).start()
        wire = Transport("Genesys Cloud", r"api\.mypurecloud\.ie", describe, f"https://127.0.0.1:{listener.getsockname()[1]}", deadline=10)
        with pytest.raises(CloudError, match=r"certificate of .* is not trusted .*SSL_CERT_FILE") as error:
            wire.send("POST", URL, json={})
    assert type(error.value) is CloudError and len(heard) == 1


@pytest.mark.parametrize("start", ["", "HTTP/1.1 200 OK\r\nX-Long: ",
                                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"],
                         ids=["status", "headers", "body"])
def test_an_answer_in_drops_ends_with_the_deadline(start):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def drip():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(start.encode())
            with contextlib.suppress(OSError):
                while True:
                    connection.sendall(b"1")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        wire = Transport("Twilio", r".*\.twilio\.com", describe, f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=0.5)
        with pytest.raises(OutcomeUnknown, match="gave no answer"):
            wire.send("POST", "https://api.twilio.com/x", form={"a": "b"})


def test_a_proxy_that_answers_in_drops_ends_with_the_deadline(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def drip():
            connection, _ = listener.accept()
            with contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\nX-Long: ")
                while True:
                    connection.sendall(b"1")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        wire = Transport("Twilio", r".*\.twilio\.com", describe, deadline=0.5)
        with pytest.raises(CloudError, match=r"gave no answer|could not be reached"):
            wire.send("GET", "https://api.twilio.com/x")


def test_all_addresses_of_a_host_share_the_calls_time(monkeypatch):
    """A dead network with eight addresses would otherwise take eight times as long."""
    given = []

    def dead(self, host, port, timeout=None, **_):
        given.append((host, timeout))
        time.sleep(min(timeout, 0.2))
        raise httpcore.ConnectTimeout("nobody there")

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 1, 6, "", (f"192.0.2.{n}", 443)) for n in range(8)])
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", dead)
    wire = Transport("Twilio", r".*\.twilio\.com", describe, deadline=0.5)
    with pytest.raises(CloudError, match="could not be reached"):
        wire.send("POST", "https://api.twilio.com/x", form={"a": "b"})
    assert len(given) == 3 and [host for host, _ in given] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"] and given[0][1] > given[1][1] > given[2][1]


def test_no_wait_at_all_is_not_taken_at_its_word(wire, server):
    server.script = [(429, {"Retry-After": "0"}, b"{}")] * 3
    began = time.monotonic()
    wire.send("GET", URL)
    assert time.monotonic() - began >= 3 * WAIT


def test_a_secret_in_an_error_is_masked(wire, server):
    secrets.Secret("TopSecretValue99")
    server.script = [(400, {}, b'{"message": "password TopSecretValue99 is bad", "code": "x"}')]
    with pytest.raises(CloudError) as error:
        wire.send("POST", URL, json={})
    assert "TopSecretValue99" not in str(error.value) + repr(error.value) + repr(error.value.__dict__)


def test_the_journal_has_each_attempt_and_no_secret(wire, server, tmp_path, monkeypatch):
    secrets.Secret("TopSecretValue99")
    monkeypatch.setenv("BYOC_JOURNAL", str(tmp_path / "journal.jsonl"))
    server.script = [(503, {}, b"{}")]
    wire.send("GET", URL + "/0a1b2c3d-0000-4000-8000-000000000000", query={"name": "TopSecretValue99"}, headers={"Authorization": "Bearer TopSecretValue99"})
    text = (tmp_path / "journal.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(x["status"], x["attempt"]) for x in lines] == [(503, 1), (200, 2)]
    assert lines[0]["query"] == ["name"] and "TopSecretValue99" not in text
    assert journal.endpoint(lines[0]) == "GET /api/v2/things/{id}"


def test_environment_proxies_are_for_the_internet_only(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    Transport("Genesys Cloud", r"api\.mypurecloud\.ie", describe, server.url, deadline=1).send("GET", URL)
    assert len(server.seen) == 1
