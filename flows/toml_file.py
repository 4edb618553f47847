"""A TOML file that a person wrote, as a checked model; everything wrong with it is said at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from factsurv.events.errors import InputError
from factsurv.events.section import LONGEST_NAME, NAME

M = TypeVar("M", bound=BaseModel)

LARGEST_FILE = 2**22  # bytes: a study file of a thousand prompt templates has a twentieth of it
# Deeper than any key or list here; TOML's readers take time that grows with the square of it, or end by themselves.
DEEPEST = 16
_STRINGS = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|' + r"'''.*?'''" + r'|"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'|#[^\n]*", re.DOTALL
)
_LONG_KEY = re.compile(r"(?:\.[^.=,{}\[\]\n]*)" + f"{{{DEEPEST + 1},}}")


def read_toml(path: Path) -> dict[str, Any]:
    """The file's keys.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, is no UTF-8 text, no TOML (with the line), or has no keys.
    """
    try:
        if not path.is_file():
            what = "is a folder, not a file" if path.is_dir() else "there is no such file"
            raise InputError(what, str(path), "check the path")
        if path.stat().st_size > LARGEST_FILE:
            what = f"has {path.stat().st_size:,} bytes, and no study needs so many"
            raise InputError(what, str(path), "check the path")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", str(path), "save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", shown(str(path)), "check the path") from error
    _check_depth(text, path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: not TOML, or a number of thousands of digits
        raise InputError(f"is not valid TOML: {error}", str(path), "correct that line") from error
    if not data:
        raise InputError("the file is empty", str(path), "`factsurv init` writes one to begin with")
    return data


def _check_depth(text: str, path: Path) -> None:
    """Refuse what no file needs before a reader is busy with it for minutes."""
    plain = _STRINGS.sub(lambda found: '""' + "\n" * found[0].count("\n"), text)
    long = _LONG_KEY.search(plain)
    if long:
        at = plain.count("\n", 0, long.start()) + 1
        raise InputError(f"line {at}: a key of more than {DEEPEST} parts", str(path), "correct that line")
    if zero := re.search(r"\\u0000|\\U00000000", text):
        at = text.count("\n", 0, zero.start()) + 1
        raise InputError(f"line {at}: {zero[0]}, a sign that no name can have", str(path), "correct that line")
    depth, at = 0, 1
    for mark in re.finditer(r"[\[\]{}\n]", plain):
        at += mark[0] == "\n"
        depth += (mark[0] in "[{") - (mark[0] in "]}")
        if depth > DEEPEST:
            what = f"line {at}: more than {DEEPEST} brackets within each other"
            raise InputError(what, str(path), "correct that line")


def new_file(name: str) -> Path:
    """``NAME.toml`` in the current folder, which is not there yet.

    Raises
    ------
    InputError
        If the name cannot be a study's, or the file exists.
    """
    if not re.fullmatch(NAME, name) or name.endswith("\n") or len(name) > LONGEST_NAME:
        remedy = f"use at most {LONGEST_NAME} letters, digits, - and _"
        raise InputError(f"{shown(name)} cannot be a study's name", "NAME", remedy)
    path = Path(f"{name}.toml")
    if path.exists():
        raise InputError("exists already", str(path), "choose another name or delete it")
    return path


def as_toml(value: str | Sequence[str]) -> str:
    """A text or a list of texts as a TOML file writes it."""
    import tomlkit  # by those who write

    return tomlkit.item(value).as_string()


def validated(model: type[M], data: dict[str, Any], path: Path) -> M:
    """``data`` as ``model``; everything wrong with it is one InputError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refused(problems(error, data, model), path) from error


def refused(found: list[str], path: Path) -> InputError:
    """The error that tells all problems of a file."""
    lines = "\n  ".join(["", *found] if len(found) > 1 else found)
    return InputError(lines, str(path), "correct these keys; nothing was started")


def problems(
    error: ValidationError, data: dict, model: type[BaseModel], prefix: str = "", only: set[str] | None = None
) -> list[str]:
    """One line for each key that is wrong; ``only``: of these keys, and of the section as a whole."""
    lines: dict[str, dict[str, str]] = {}
    for found in error.errors():
        if only is not None and found["loc"] and found["loc"][0] not in only:
            continue
        location = _in_the_file(found["loc"], data)
        silent = found["type"] in NO_VALUE or isinstance(found["input"], dict)
        value = "" if silent else f" (given: {shown(found['input'])})"
        place = prefix + _place(location, isinstance(found["input"], dict))
        lines.setdefault(place, {})[_problem(found, location, model)] = value
    return [f"{key}: {', or '.join(said)}{next(iter(said.values()))}" for key, said in lines.items()]


# Problems that name the key, or whose value says nothing more.
NO_VALUE = ("missing", "extra_forbidden", "string_too_short", "too_short")


def _problem(error: Any, location: tuple, model: type[BaseModel]) -> str:
    kind, message = error["type"], error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _keys_at(model, location[:-1]), 1, 0.5)
        return "unknown key" + (f"; the nearest known one is {near[0]}" if near else "")
    if kind in ("string_too_short", "too_short"):
        return "is empty"
    if kind == "string_pattern_mismatch" and error["ctx"]["pattern"] == NAME:
        return "a name has letters, digits, - and _, and begins with a letter or digit"
    return message[:1].lower() + message[1:]


def shown(value: Any) -> str:
    """A value as the file writes it, or its beginning."""
    try:
        text = value if isinstance(value, str) and value.isprintable() and len(value) > 80 else repr(value)
    except ValueError:  # a number of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text):,} signs)"


def _in_the_file(location: tuple, data: Any) -> tuple:
    """The place without what pydantic adds to it: which of several kinds of value it tried."""
    kept: list = []
    for i, part in enumerate(location):
        inside = data[part] if _has(data, part) else None
        last = i == len(location) - 1
        if inside is None and not (last and isinstance(data, dict) and not _is_kind(part)):
            continue
        kept.append(part)
        data = inside
    return tuple(kept)


def _has(data: Any, part: Any) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _is_kind(part: Any) -> bool:
    kinds = ("str", "int", "float", "bool", "[key]")
    return part in kinds or str(part).startswith(("list[", "literal[", "constrained"))


def _place(location: tuple, of_table: bool) -> str:
    """The key as a reader of the file counts: analysis.model[2].ties is of the second [[analysis.model]]."""
    text = ""
    for i, part in enumerate(location):
        table = isinstance(part, int) and (of_table or i + 1 < len(location))
        plain = isinstance(part, int) or re.fullmatch(r"[\w-]{1,80}", part)
        text += f"[{part + 1}]" if table else f".{part if plain else shown(part)}"
    return text.strip(".")


def _keys_at(model: type[BaseModel], location: tuple) -> list[str]:
    """The keys that the section at this place of the file may have."""
    models = [model]
    for part in (p for p in location if not isinstance(p, int)):
        models = [inner for m in models if part in m.model_fields for inner in _models(m.model_fields[part].annotation)]
    return list(dict.fromkeys(key for m in models for key in m.model_fields))


def _models(kind: Any) -> list[type[BaseModel]]:
    """The sections that a value of this type may be."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for inner in get_args(kind) for model in _models(inner)]
