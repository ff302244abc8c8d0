"""The record proves itself: whatever is changed, missing, added or cut off is named."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import shutil
import signal
import stat
import subprocess

import pytest
from typer.testing import CliRunner

from byoc_helpers import secrets
from byoc_helpers.audit import manifest
from byoc_helpers.cli import app
from byoc_helpers.exceptions import RecordError, SecretError
from byoc_helpers.params import load

STAMP = "2026-01-02T03-04-05Z"
FILES = {"01_precheck.ipynb": b'{"cells": [], "nbformat": 4}\n', "journal.jsonl": b'{"at": "x"}\n' * 5, "report.html": "<p>Zoë</p>".encode()}
RESULT = {"chapter": "01_precheck", "title": "Pre-check", "status": "passed", "seconds": 0.5, "recap": {"passed": 11}, "message": "",
          "notebook": "01_precheck.ipynb"}


def pem():
    private, public = manifest.new_key()
    return private.reveal(), public


@pytest.fixture
def made(tmp_path, demo, monkeypatch):
    """Makes a record of invented files, signed if asked; returns its folder and the public key."""
    private, public = pem()
    monkeypatch.setenv("SIGNING_KEY", private)
    (tmp_path / "key.pub").write_bytes(public)

    def make(signed, name=STAMP):
        folder = tmp_path / "out" / load(demo).slug / name
        folder.mkdir(parents=True)
        monkeypatch.setattr(manifest, "_now", lambda: f"{name[:10]}T{name[11:19].replace('-', ':')}.250Z")
        record = manifest.Record(folder, load(demo), mode="apply", plan="ab" * 32, sign="env:SIGNING_KEY" if signed else "")
        for file, data in FILES.items():
            (folder / file).write_bytes(data)
        record.chapter(RESULT)
        record.ending("passed")
        record.finish()
        return folder, manifest.public_key(tmp_path / "key.pub") if signed else None
    return make


@pytest.mark.parametrize(("signed", "checked"), [(False, False), (True, True), (True, False)])
def test_one_byte_changed_anywhere_is_named(signed, checked, made):
    folder, key = made(signed)
    key = key if checked else None
    assert manifest.verify(folder, key).findings == ()
    chance = random.Random(3)
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        places = range(len(whole)) if len(whole) < 400 else sorted(chance.sample(range(len(whole)), 400))
        for place in places:
            changed = bytearray(whole)
            changed[place] ^= 1 << chance.randrange(8)
            file.write_bytes(changed)
            findings = manifest.verify(folder, key).findings
            assert any(file.name in finding for finding in findings), (file.name, place, findings)
        for changed in (whole[:-1], whole + b"\n", whole + b" ", b""):
            file.write_bytes(changed)
            assert any(file.name in finding for finding in manifest.verify(folder, key).findings), file.name
        file.write_bytes(whole)
    assert manifest.verify(folder, key).whole


def test_missing_extra_renamed_and_linked_files(made, tmp_path):
    folder, _ = made(False)
    (folder / "journal.jsonl").rename(folder / "journal2.jsonl")
    assert manifest.verify(folder).findings == ("journal.jsonl is missing.", "journal2.jsonl is not of the record.")
    (folder / "journal2.jsonl").rename(tmp_path / "elsewhere")
    (folder / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    assert manifest.verify(folder).findings == ("journal.jsonl is not a plain file.",)
    (folder / "journal.jsonl").unlink()
    (folder / "journal.jsonl").write_bytes(FILES["journal.jsonl"])
    (folder / "more").mkdir()
    assert manifest.verify(folder).findings == ("more is not of the record.",)
    (folder / "more").rmdir()
    shutil.move(folder / manifest.MANIFEST, tmp_path / "m")
    (folder / manifest.MANIFEST).symlink_to(tmp_path / "m")
    assert manifest.verify(folder).findings == (f"{manifest.MANIFEST} is not a plain file.",)
    (folder / manifest.MANIFEST).unlink()
    shutil.move(tmp_path / "m", folder / manifest.MANIFEST)
    for name in (manifest.MANIFEST, manifest.SUM):
        shutil.move(folder / name, tmp_path / name)
        assert any(name in f and "missing" in f for f in manifest.verify(folder).findings)
        shutil.move(tmp_path / name, folder / name)
    assert manifest.verify(folder).whole


@pytest.mark.parametrize(("subject", "said"), [
    ([{"name": "../../etc/passwd", "digest": {"sha256": "0" * 64}}], "can't be a file of the record"),
    ([{"name": "/etc/passwd", "digest": {"sha256": "0" * 64}}], "can't be a file of the record"),
    ([{"name": 5, "digest": {"sha256": "0"}}], "can't be a file of the record"),
    ([{"name": [], "digest": {"sha256": "0"}}], "no statement about files"),
    ("nonsense", "no statement about files"), (None, "no statement about files"), ([{}], "no statement about files"),
])
def test_a_made_up_manifest_is_no_way_out(subject, said, made):
    """With a checksum that fits, as a forger would make it."""
    folder, _ = made(False)
    statement = json.loads((folder / manifest.MANIFEST).read_text("utf-8")) | {"subject": subject}
    data = json.dumps(statement).encode()
    (folder / manifest.MANIFEST).write_bytes(data)
    (folder / manifest.SUM).write_text(f"{hashlib.sha256(data).hexdigest()}  {manifest.MANIFEST}\n")
    findings = manifest.verify(folder).findings
    assert any(said in finding for finding in findings) and any("is not of the record" in finding for finding in findings)


@pytest.mark.parametrize("junk", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"predicate": 3}', b'{"payload": 3, "signatures": [{}]}'])
@pytest.mark.parametrize("name", [manifest.MANIFEST, manifest.SUM, manifest.ENVELOPE])
def test_junk_is_named_not_raised(junk, name, made):
    folder, key = made(True)
    (folder / name).write_bytes(junk)
    assert any(name in finding for finding in manifest.verify(folder, key).findings)


def test_what_the_signature_is_worth(made, tmp_path, monkeypatch):
    folder, key = made(True)
    assert manifest.verify(folder, key).signed == f"signed with the key {key.keyid[:16]}…"
    assert "was not checked" in manifest.verify(folder).signed and manifest.verify(folder).whole
    (tmp_path / "other.pub").write_bytes(pem()[1])
    (said,) = manifest.verify(folder, manifest.public_key(tmp_path / "other.pub")).findings
    assert "signed with another key" in said
    (folder / manifest.ENVELOPE).unlink()
    gone = f"{manifest.ENVELOPE} is missing: the record was signed."
    assert manifest.verify(folder, key).findings == (gone, f"{manifest.ENVELOPE} is missing: the record is not signed, or its signature was removed.")
    assert manifest.verify(folder).findings == (gone,)
    assert made(False, "2026-01-02T03-04-07Z")[0] and manifest.verify(folder.with_name("2026-01-02T03-04-07Z")).signed == "not signed: shows accidents, not forgery"

    # A forger without the key can make checksums fit, but no signature.
    forged, key = made(True, "2026-01-02T03-04-06Z")
    data = (forged / manifest.MANIFEST).read_bytes().replace(b'"status": "passed"', b'"status": "failed"')
    (forged / manifest.MANIFEST).write_bytes(data)
    envelope = json.loads((forged / manifest.ENVELOPE).read_bytes())
    envelope["payload"] = base64.b64encode(data).decode()
    (forged / manifest.ENVELOPE).write_bytes(json.dumps(envelope, indent=1, sort_keys=True).encode() + b"\n")
    (forged / manifest.SUM).write_text("".join(f"{hashlib.sha256((forged / name).read_bytes()).hexdigest()}  {name}\n" for name in (manifest.MANIFEST, manifest.ENVELOPE)))
    assert manifest.verify(forged, key).findings == (f"{manifest.ENVELOPE} was changed: the signature does not hold.",)


def test_other_tools_agree(made):
    """sha256sum, and the DSSE signature checked by hand as its specification says."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    folder, _ = made(True)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", manifest.SUM], cwd=folder, check=True, capture_output=True)
    envelope = json.loads((folder / manifest.ENVELOPE).read_text())
    body, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
    public = load_pem_public_key((folder.parents[2] / "key.pub").read_bytes())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed)
    statement = json.loads(body)
    assert body == (folder / manifest.MANIFEST).read_bytes() and kind == b"application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert {s["name"]: s["digest"]["sha256"] for s in statement["subject"]} == {n: hashlib.sha256(d).hexdigest() for n, d in FILES.items()}


def test_what_the_manifest_says(made, demo):
    folder, _ = made(False)
    said = json.loads((folder / manifest.MANIFEST).read_text("utf-8"))["predicate"]
    assert (said["status"], said["target"], said["mode"], said["plan"]) == ("passed", "sandbox", "apply", {"sha256": "ab" * 32})
    assert said["params"] == load(demo).model_dump(mode="json") and said["params"]["digest_password"].startswith("practice:")
    assert said["chapters"] == [RESULT] and said["started"] <= said["finished"]
    assert set(said["versions"]) >= {"python", "byoc-runbook", "twilio", "PureCloudPlatformClientV2", "papermill"}
    assert "not installed" not in said["versions"].values()


def test_secrets_in_what_is_said_are_masked(tmp_path, demo):
    secrets.remember("aVeryLongSecretValue1")
    record = manifest.Record(tmp_path, load(demo), mode="apply")
    record.chapter(RESULT | {"message": "token aVeryLongSecretValue1 refused"})
    record.ending("failed", "aVeryLongSecretValue1", "note aVeryLongSecretValue1")
    record.finish()
    assert not [f for f in tmp_path.iterdir() if "aVeryLongSecretValue1" in f.read_text("utf-8")]


def test_a_run_that_is_killed_leaves_a_record_that_says_so(tmp_path, demo):
    folder = tmp_path / "a-record"
    folder.mkdir()
    child = os.fork()
    if child == 0:
        record = manifest.Record(folder, load(demo), mode="apply")
        (folder / "01_precheck.ipynb").write_bytes(b"{}")
        record.chapter(RESULT)
        (folder / "02_location_site.partial.ipynb").write_bytes(b"{")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    verdict = manifest.verify(folder)
    assert verdict.status == "running" and not verdict.whole
    assert verdict.findings[0].startswith("The run broke off: the record is incomplete.")
    assert verdict.findings[1:] == ("02_location_site.partial.ipynb is not of the record.",)


def test_a_copy_in_another_place_is_named(made, tmp_path):
    """A good record of one run must not pass for the record of another run, nor of another partner."""
    folder, key = made(True)
    later = shutil.copytree(folder, folder.with_name("2027-09-09T09-09-09Z"))
    (said,) = manifest.verify(later, key).findings
    assert said == "The folder is named 2027-09-09T09-09-09Z, but the run it holds began at 2026-01-02T03:04:05.250Z: it was renamed, or copied over another one."
    theirs = shutil.copytree(folder, tmp_path / "out" / "globex" / STAMP)
    (said,) = manifest.verify(theirs, key, partner=True).findings
    assert said == "The folder lies in globex, but the run it holds is of PartnerABC: it was moved, or copied."
    assert manifest.verify(theirs, key).whole  # looked at alone, as an auditor's copy
    done = byoc("verify", tmp_path / "out", "--key", tmp_path / "key.pub")
    assert done.exit_code == 1 and done.output.count("NOT WHOLE") == 2
    shutil.move(later, folder.with_name("kept"))
    assert byoc("verify", folder.parent, "--key", tmp_path / "key.pub").output.count("whole; signed") == 2


def test_a_name_that_would_write_a_line_of_its_own(made):
    folder, _ = made(False)
    (folder / "a\n\x1b[2Kout: whole; signed with the key; the run passed").write_bytes(b"")
    done = byoc("verify", folder)
    assert done.exit_code == 1 and "\x1b" not in done.output and len(done.output.splitlines()) == 2


@pytest.mark.parametrize("value", ["no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none(value, tmp_path, demo, monkeypatch):
    monkeypatch.setenv("SIGNING_KEY", value)
    with pytest.raises(SecretError, match="holds no Ed25519 private key in PEM") as error:
        manifest.Record(tmp_path, load(demo), mode="apply", sign="env:SIGNING_KEY")
    assert value not in str(error.value) and not list(tmp_path.iterdir())
    with pytest.raises(RecordError, match="no public key in PEM"):
        (tmp_path / "x").write_text(value)
        manifest.public_key(tmp_path / "x")


# ---------------------------------------------------------------- the command


def byoc(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_verifying_one_record_a_partners_and_all(made, tmp_path):
    first, _ = made(True)
    second, _ = made(True, "2026-01-02T03-04-06Z")
    key = tmp_path / "key.pub"
    for place, count in ((first, 1), (first.parent, 2), (first.parents[1], 2)):
        done = byoc("verify", place, "--key", key)
        assert done.exit_code == 0 and done.stdout.count("whole; signed with the key") == count, done.output
    (second / "report.html").write_text("<p>nothing happened</p>")
    done = byoc("verify", first.parents[1], "--json")
    assert done.exit_code == 1
    assert [(v["whole"], v["findings"]) for v in json.loads(done.stdout)] == [(True, []), (False, ["report.html was changed."])]
    with pytest.raises(RecordError, match="There is no record"):
        manifest.records(tmp_path / "partners")


def test_a_key_in_the_keychain(tmp_path, monkeypatch, demo):
    import keyring
    from keyring.backend import KeyringBackend

    class Memory(KeyringBackend):
        priority = 1
        held: dict = {}

        def get_password(self, service, user):
            return self.held.get((service, user))

        def set_password(self, service, user, password):
            self.held[service, user] = password

    keyring.set_keyring(Memory())
    done = byoc("key", "new", "keyring:byoc/signing", tmp_path / "byoc.pub")
    assert done.exit_code == 0 and "PRIVATE" not in done.output and not stat.S_ISLNK((tmp_path / "byoc.pub").lstat().st_mode)
    record = manifest.Record(tmp_path / "r" if (tmp_path / "r").mkdir() is None else tmp_path, load(demo), mode="apply", sign="keyring:byoc/signing")
    record.ending("passed")
    record.finish()
    assert manifest.verify(tmp_path / "r", manifest.public_key(tmp_path / "byoc.pub")).whole
    again = byoc("key", "new", "keyring:byoc/signing", tmp_path / "byoc2.pub")
    assert again.exit_code == 1 and not (tmp_path / "byoc2.pub").exists()
    assert byoc("key", "new", "keyring:byoc/other", tmp_path / "byoc.pub").exit_code == 1 and len(Memory.held) == 1
