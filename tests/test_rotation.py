"""A new digest password: on both sides, without a moment in which neither works, and broken off anywhere, ended later."""

from __future__ import annotations

import os
import signal

import pytest
import yaml
from orgs import chapter, do, partner_maker
from typer.testing import CliRunner

from byoc_helpers import rotation
from byoc_helpers.cli import app
from byoc_helpers.clouds.transport import Transport
from byoc_helpers.exceptions import NotYet, Refused, RunbookError
from byoc_helpers.resources import byoc_trunk, credential_list
from byoc_helpers.secrets import Secret

NEW = "Rotated4Password9x"


@pytest.fixture
def built():
    params = partner_maker("Rotate")()
    do(params, "02", "03", "04")
    return params


def context(params):
    return chapter("99", params)._ctx


def good(params):
    """Is the trunk's user and password one that Twilio takes now? The practice clouds' far end says."""
    ctx = context(params)
    lines = byoc_trunk.lines(ctx, ctx.require(byoc_trunk).id)
    return bool(lines) and not byoc_trunk.troubles(lines)


def users(params):
    return context(params).require(credential_list).fields["users"]


def test_both_sides_change_and_calls_are_never_refused(built, monkeypatch):
    once, checked = Transport._once, []

    def watched(self, request, attempt):
        reply = once(self, request, attempt)
        if request.method != "GET" and "oauth" not in request.url.path:
            with monkeypatch.context() as plain:
                plain.setattr(Transport, "_once", once)
                checked.append((request.method, good(built)))
        return reply

    monkeypatch.setattr(Transport, "_once", watched)
    done = rotation.rotate(context(built), Secret(NEW))
    assert [line.partition(":")[0] for line in done] == ["Twilio", "Genesys Cloud"] * 2 + ["Twilio"]
    assert checked == [("POST", True), ("PUT", True), ("POST", True), ("PUT", True), ("DELETE", True)]
    assert users(built) == (built.digest_username,)


def test_the_old_password_is_no_longer_good(built):
    rotation.rotate(context(built), Secret(NEW))
    ctx = context(built)
    from byoc_helpers.params import digest_password

    byoc_trunk.sign_in_as(ctx, built.digest_username, digest_password(built))
    assert not good(built)


@pytest.mark.parametrize("call", range(1, 6))
@pytest.mark.parametrize("again", [NEW, "Another3Password7y"])
def test_killed_after_each_write_it_is_ended_by_the_next(call, again, built):
    """With the same new password, or with another one."""
    child = os.fork()
    if child == 0:
        once, left = Transport._once, iter(range(call - 1, -1, -1))

        def last(self, request, attempt):
            reply = once(self, request, attempt)
            if request.method != "GET" and "oauth" not in request.url.path and next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return reply

        Transport._once = last
        try:
            rotation.rotate(context(built), Secret(NEW))
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert good(built)
    rotation.rotate(context(built), Secret(again))
    assert good(built) and users(built) == (built.digest_username,)


def test_nothing_is_touched_where_it_would_lock_somebody_out(built):
    run = chapter("99", built)
    other = run.clouds.twilio.trunking.trunks.create(friendly_name="other", domain_name=f"other-{built.slug}.pstn.twilio.com")
    other.credentials_lists.create(credential_list_sid=run._ctx.require(credential_list).id)
    with pytest.raises(Refused, match=f"also serves other-{built.slug}.pstn.twilio.com.*Nothing was changed"):
        rotation.rotate(context(built), Secret(NEW))
    with pytest.raises(Refused, match="signs in as pctrunkuser, the params say somebody"):
        changed = built.model_copy(update={"digest_username": "somebody"})
        run._ctx.require(credential_list).raw.credentials.create(username="somebody", password=NEW)
        rotation.rotate(context(changed), Secret(NEW))
    assert good(built)


@pytest.mark.parametrize("user", ["u", "u-rotating", "pctrunkuser-partner-abc-xyz-next", "x" * 32, "x" * 22 + "-rotating", "x" * 23 + "-rotating"])
def test_the_second_user_is_never_the_first(user):
    second = credential_list.second(user)
    assert second != user and len(second) <= 32 and second.endswith("-rotating") and second != credential_list.second(user[:-1] + "y")


def test_before_the_chapters_there_is_nothing_to_rotate():
    with pytest.raises(NotYet, match="run chapter 03 first"):
        rotation.rotate(context(partner_maker("Early")()), Secret(NEW))


# ---------------------------------------------------------------- the command


@pytest.fixture
def keychain(monkeypatch):
    import keyring

    held: dict[tuple[str, str], str] = {}
    monkeypatch.setattr(keyring, "get_password", lambda s, u: held.get((s, u)))
    monkeypatch.setattr(keyring, "set_password", lambda s, u, p: held.__setitem__((s, u), p))
    monkeypatch.setattr(keyring, "delete_password", lambda s, u: held.pop((s, u), None))
    return held


def byoc(*arguments):
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    return done.exit_code, " ".join((done.output + (str(done.exception) if isinstance(done.exception, RunbookError) else "")).split())


def test_a_password_is_made_and_kept_in_the_keychain_and_never_shown(keychain):
    code, said = byoc("password", "generate", "keyring:byoc/acme")
    (made,) = keychain.values()
    assert code == 0 and 'digest_password: "keyring:byoc/acme"' in said and made not in said and len(made) == 24
    code, said = byoc("password", "generate", "keyring:byoc/acme")
    assert code == 1 and "holds a password already" in said and keychain[("byoc", "acme")] == made
    code, said = byoc("password", "generate", "env:X")
    assert code == 1 and "Only keyring:SERVICE/USER can be written" in said


def test_rotation_by_command(keychain, tmp_path):
    byoc("password", "generate", "keyring:byoc/acme")
    old = keychain[("byoc", "acme")]
    params = partner_maker("Chain")(digest_password="keyring:byoc/acme")
    do(params, "02", "03", "04")
    path = tmp_path / "chain.yaml"
    path.write_text(yaml.safe_dump(params.model_dump(exclude_defaults=True), allow_unicode=True, sort_keys=False), "utf-8")
    code, said = byoc("password", "rotate", path)
    assert code == 0 and "keyring:byoc/acme holds the new password" in said, said
    assert set(keychain) == {("byoc", "acme")} and keychain[("byoc", "acme")] != old
    assert old not in said and keychain[("byoc", "acme")] not in said
    assert good(params)
    do(params, "03", "04")
    assert good(params)


def test_a_new_password_of_the_operators_own(tmp_path, monkeypatch):
    params = partner_maker("Mine")()
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(params.model_dump(exclude_defaults=True), allow_unicode=True, sort_keys=False), "utf-8")
    code, said = byoc("password", "rotate", path)
    assert code == 1 and "which the runbook can't write" in said and "--new env:NAME" in said
    monkeypatch.setenv("WEAK", "weakweakweak")
    code, said = byoc("password", "rotate", path, "--new", "env:WEAK")
    assert code == 1 and "too weak" in said
    do(params, "02", "03", "04")
    monkeypatch.setenv("FRESH", NEW)
    code, said = byoc("password", "rotate", path, "--new", "env:FRESH")
    assert code == 0 and f"put the new password where the params point to: {params.digest_password}" in said and NEW not in said


def test_a_keychain_that_is_locked_loses_nothing(keychain, tmp_path, monkeypatch):
    """A rotation broke off; its new password is the only one that some edge may be using."""
    import keyring
    from keyring.errors import KeyringLocked

    keychain[("byoc", "acme")], keychain[("byoc", "acme.next")] = "OldPassword123", "HalfRotated1234"
    path = tmp_path / "chain.yaml"
    path.write_text(yaml.safe_dump(partner_maker("Locked")(digest_password="keyring:byoc/acme").model_dump(exclude_defaults=True), allow_unicode=True), "utf-8")
    open_again = keyring.get_password

    def locked(service, user):
        if user == "acme.next":
            raise KeyringLocked("locked")
        return open_again(service, user)
    monkeypatch.setattr(keyring, "get_password", locked)
    code, said = byoc("password", "rotate", path)
    assert code == 1 and "could not be opened" in said
    assert keychain == {("byoc", "acme"): "OldPassword123", ("byoc", "acme.next"): "HalfRotated1234"}


def test_a_new_password_is_kept_only_once_nothing_stands_in_the_way(keychain, tmp_path):
    keychain[("byoc", "acme")] = "OldPassword123"
    path = tmp_path / "chain.yaml"
    path.write_text(yaml.safe_dump(partner_maker("Toosoon")(digest_password="keyring:byoc/acme").model_dump(exclude_defaults=True), allow_unicode=True), "utf-8")
    code, said = byoc("password", "rotate", path)
    assert code == 1 and "run chapter 03 first" in said
    assert keychain == {("byoc", "acme"): "OldPassword123"}
