"""What of its environment a process hands on to those it starts: what finding things takes, never what may hold a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

KEEP = "BYOC_KEEP"  # names of further variables for the kernels of a batch, with commas: a keychain's own, for example
_FINDING = frozenset((
    "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "USER", "LOGNAME", "USERNAME", "USERPROFILE", "LOCALAPPDATA", "APPDATA",
    "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONWARNINGS", "PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX",
    "XDG_CACHE_HOME", "XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
    "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_PLATFORM_DIRS", "JUPYTER_RUNTIME_DIR", "PYDEVD_DISABLE_FILE_VALIDATION",
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "PROGRAMDATA", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
))
_FINDING_PREFIXES = ("LC_", "BYOC_SANDBOX_")
_KERNEL = frozenset((
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "TWILIO_EDGE", "TWILIO_REGION", "NO_COLOR", "TERM", "COLUMNS", "SHELL",
    "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL", "PYTHON_KEYRING_BACKEND",  # how a keychain is reached
))


def finding(environment: Mapping[str, str]) -> dict[str, str]:
    """What a server or a process that kernels are forked from gets: where Python, files and certificates are, and the language."""
    return {k: v for k, v in environment.items() if k.upper() in _FINDING or k.startswith(_FINDING_PREFIXES)}


def python_path(environment: Mapping[str, str]) -> str:
    """`PYTHONPATH` of a process that is to import this very package, wherever it is started; the caller's own comes after."""
    root = Path(__file__).resolve().parent.parent
    return os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH"))))


def of_kernel(environment: Mapping[str, str]) -> dict[str, str]:
    """What a kernel of a batch gets beside its partner's own secrets: also proxies, the way to a keychain, and what `BYOC_KEEP` names."""
    asked = {name.strip() for name in environment.get(KEEP, "").split(",")}
    return finding(environment) | {
        k: v for k, v in environment.items() if k.upper() in _KERNEL or k in asked}
