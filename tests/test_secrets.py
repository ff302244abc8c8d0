"""References are resolved late, and known secrets are masked wherever text leaves."""

from __future__ import annotations

import pickle

import pytest

from byoc_helpers import secrets
from byoc_helpers.exceptions import SecretError


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
