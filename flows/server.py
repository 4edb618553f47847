"""Which Prefect server is meant, found without importing Prefect (seconds), and whether it answers."""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from factsurv.events.errors import InputError

PATIENCE = 8.0  # seconds; also where the name server or a proxy is silent
START = "start one with `prefect server start`, or name the one that runs: PREFECT_API_URL=http://HOST:4200/api"


def address() -> str | None:
    """The API of the server that Prefect would use; None: nobody has named one.

    Looked for where Prefect looks, in its order: the environment, `.env`, `prefect.toml`, `pyproject.toml`, the
    active profile.
    """
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"] or None
    dotenv = Path(".env")
    if dotenv.is_file() and (
        line := re.search(r"^\s*(?:export\s+)?PREFECT_API_URL\s*=\s*(\S+)", dotenv.read_text("utf-8", "replace"), re.M)
    ):
        return line[1].strip("\"'")
    named = _at(Path("prefect.toml"), "api", "url") or _at(Path("pyproject.toml"), "tool", "prefect", "api", "url")
    return named or _profile().get("PREFECT_API_URL") or None


def check_server(api: str) -> None:
    """Ask the server whether it is well.

    Raises
    ------
    InputError
        If it does not say so within `PATIENCE`.
    """
    _past_the_proxy(api)
    answer: list[object] = []
    asking = threading.Thread(target=lambda: answer.append(_ask(api)), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if answer != [None]:
        why = answer[0] if answer else f"nothing within {PATIENCE:.0f} s"
        raise InputError(f"no Prefect server answers at {api} ({why})", "PREFECT_API_URL", START)


def _ask(api: str) -> object:
    """None if the server is well, else what came back."""
    try:
        with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=PATIENCE) as page:
            found = page.read(100).strip()
            return None if found == b"true" else f"what answers is no Prefect server: {found[:40]!r}"
    except urllib.error.HTTPError as error:
        return None if error.code in (401, 403) else error  # it wants a key, which Prefect has
    except (OSError, ValueError) as error:
        return getattr(error, "reason", None) or error


def _past_the_proxy(api: str) -> None:
    """A server on this machine is not behind any proxy; asked through one, it is silent for minutes."""
    host = urlsplit(api).hostname or ""
    try:
        here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    if here:
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), host]))


def _profile() -> dict[str, Any]:
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    active = os.environ.get("PREFECT_PROFILE") or _at(path, "active")
    return _at(path, "profiles", active) or {} if active else {}


def _at(path: Path, *keys: str) -> Any:
    """What a TOML file says under these keys; None if it says nothing."""
    if not path.is_file():
        return None
    try:
        found: Any = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"is not valid TOML: {error}", str(path), "correct that line: it may name a server") from error
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found
