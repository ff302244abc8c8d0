"""References are resolved late, and known secrets are masked wherever text leaves."""

from __future__ import annotations

import pickle

import pytest

from byoc_helpers import secrets
from byoc_helpers.exceptions import NoSuchSecret, SecretError


def test_each_scheme(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "from-the-environment")
    (tmp_path / "s").write_text("from-a-file\nsecond line\n")
    assert secrets.resolve("env:A_SECRET", key="k").reveal() == "from-the-environment"
    assert secrets.resolve(f"file:{tmp_path / 's'}", key="k").reveal() == "from-a-file"
    assert secrets.resolve("practice:x", key="k").reveal() == secrets.resolve("practice:x", key="k").reveal()


def test_the_keychain(monkeypatch):
    import keyring

    monkeypatch.setattr(keyring, "get_password", lambda service, user: {("byoc", "acme"): "from-the-keychain"}.get((service, user)))
    assert secrets.resolve("keyring:byoc/acme", key="k").reveal() == "from-the-keychain"
    with pytest.raises(SecretError, match="no entry byoc / globex"):
        secrets.resolve("keyring:byoc/globex", key="k")
    with pytest.raises(SecretError, match="SERVICE/USER"):
        secrets.resolve("keyring:byoc", key="k")


def test_an_empty_secret_is_told(monkeypatch):
    monkeypatch.setenv("EMPTY", "")
    with pytest.raises(SecretError, match="k: env:EMPTY is there but empty"):
        secrets.resolve("env:EMPTY", key="k")


def test_a_secret_does_not_show_itself():
    secret = secrets.Secret("Hidden/Value+12345")
    assert "Hidden" not in f"{secret} {secret!r} {[secret]} {secret:>30}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_every_form_of_a_secret_is_masked():
    secrets.Secret("Very/Secret+Pass 1")
    secrets.remember_basic("user", "Very/Secret+Pass 1")
    text = {"a": ["x Very/Secret+Pass 1 y", ("Very%2FSecret%2BPass%201",)], "Basic dXNlcjpWZXJ5L1NlY3JldCtQYXNzIDE=": 1}
    assert secrets.redact(text) == {"a": [f"x {secrets.MASK} y", (secrets.MASK,)], f"Basic {secrets.MASK}": 1}


def test_a_secret_with_marks_is_masked_in_every_spelling():
    import html
    import json

    value = "Aa1<&\"'\\é long enough"
    secrets.Secret(value)
    for spelt in (html.escape(value), json.dumps({"x": value}), repr([value]), f"a {value} b"):
        shown = secrets.redact(spelt)
        assert secrets.MASK in shown and "long enough" not in shown


def test_practice_secrets_meet_both_clouds_rules():
    value = secrets.practice_value("anything")
    assert len(value) >= 12 and any(c.isupper() for c in value) and any(c.islower() for c in value) and any(c.isdigit() for c in value)


def test_what_ends_in_a_line_break_is_masked_without_it(monkeypatch):
    monkeypatch.setenv("MOUNTED", "MountedSecret99\n")
    assert secrets.resolve("env:MOUNTED", key="k").reveal() == "MountedSecret99"
    assert secrets.redact("a MountedSecret99 b") == f"a {secrets.MASK} b"


def test_each_line_of_a_long_one_is_masked():
    secrets.Secret("-----BEGIN X-----\nMIIBVwIBADANBgkq\n-----END X-----\n")
    assert "MIIBVwIBADANBgkq" not in secrets.redact("key: MIIBVwIBADANBgkq")


def test_secrets_that_overlap_leave_no_tail():
    secrets.remember("aaaaaaaabbbbbbbb")
    secrets.remember("bbbbbbbbcccccccc")
    assert secrets.redact("x aaaaaaaabbbbbbbbcccccccc y") == f"x {secrets.MASK} y"


@pytest.mark.parametrize("spell", [
    lambda v: __import__("base64").b64encode(v.encode()).decode(), lambda v: __import__("html").escape(repr(v)), ascii,
    lambda v: __import__("json").dumps(__import__("json").dumps({"x": v})), lambda v: repr(v.encode()),
    lambda v: __import__("urllib.parse").parse.quote_plus(v), lambda v: __import__("urllib.parse").parse.quote(v, safe="").lower(),
], ids=["base64", "repr in HTML", "ascii", "JSON in JSON", "bytes", "form", "small hexadecimals"])
def test_more_spellings(spell):
    value = "zq9/é \"<&>'+ marked"
    secrets.remember(value)
    assert secrets.MASK in secrets.redact(spell(value))


def test_a_named_tuple_is_walked():
    from collections import namedtuple

    secrets.remember("InANamedTuple1")
    assert secrets.redact(namedtuple("Pair", "a b")("InANamedTuple1", 2)) == (secrets.MASK, 2)


def test_what_is_too_short_to_be_masked_is_refused(monkeypatch):
    monkeypatch.setenv("SHORT", "abc")
    with pytest.raises(SecretError, match="fewer than 8 characters, which could not be kept out of the records"):
        secrets.resolve("env:SHORT", key="k")


def test_a_keychain_that_is_locked_is_not_an_empty_one(monkeypatch):
    import keyring
    from keyring.errors import KeyringLocked

    def locked(service, user):
        raise KeyringLocked("no")
    monkeypatch.setattr(keyring, "get_password", locked)
    with pytest.raises(SecretError, match="could not be opened") as error:
        secrets.resolve("keyring:byoc/acme", key="k")
    assert not isinstance(error.value, NoSuchSecret)


@pytest.mark.parametrize(("backend", "said"), [("keeps nothing", "does not keep what it is given"), ("plain file", "a file that anybody can read")])
def test_a_keychain_that_is_none(backend, said, monkeypatch):
    import keyring
    from keyring.backends.null import Keyring

    class PlaintextKeyring(Keyring):
        pass

    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring() if backend == "keeps nothing" else PlaintextKeyring())
    with pytest.raises(SecretError, match=said):
        secrets.store("keyring:byoc/acme", secrets.Secret("ToBeKept12345"), key="k")


def test_what_is_no_reference_is_not_repeated():
    with pytest.raises(SecretError) as error:
        secrets.store("MyPastedS3cret", secrets.Secret("ToBeKept12345"), key="k")
    assert "MyPastedS3cret" not in str(error.value)
