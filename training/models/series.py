"""A series: checkpoints that somebody else made, in the order of their training, each a model of its own."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from factsurv.events.errors import InputError
from factsurv.events.positions import check_increasing, positions_of
from factsurv.training.models.load import locate
from factsurv.training.spec import ModelSpec

WHERE = "model.series"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True)
class Member:
    """One checkpoint: what it is called, where it stands (in the series' unit), and how it is loaded."""

    name: str
    position: float
    model: ModelSpec

    def identity(self) -> str:
        """A text that changes when the checkpoint does; "missing" where there is none."""
        try:
            return locate(self.model).identity
        except InputError:
            return "missing"


@dataclass(frozen=True)
class Series:
    """The checkpoints of one model's training; ``unit`` is what positions count, ``notes`` who is left out and why."""

    place: str  # the folder or the hub's repository
    unit: str
    members: tuple[Member, ...]
    notes: tuple[str, ...] = ()

    def identity(self) -> str:
        """A text that changes when one of them does."""
        told = [(m.name, m.position, m.identity()) for m in self.members]
        return f"series:{hashlib.sha256(json.dumps([self.unit, told]).encode()).hexdigest()}"

    def spec(self, of: ModelSpec) -> ModelSpec:
        """``of`` with the series named in full: what a run is given."""
        names, at = [m.name for m in self.members], [m.position for m in self.members]
        return of.model_copy(update={"name": self.place, "series": names, "positions": at, "unit": self.unit})


def series_of(spec: ModelSpec, folder: str | None = None) -> Series:
    """The series that ``spec`` names.

    Parameters
    ----------
    spec : ModelSpec
        With ``series``.
    folder : str, optional
        Where the checkpoints lie, if they are not where the name says (those of the tiny model).

    Raises
    ------
    InputError
        If there is no such folder or repository, positions cannot be read or do not increase, or there are fewer than
        two checkpoints.
    """
    place = folder or spec.name
    local = Path(place).expanduser()
    is_tiny = spec.name == "tiny" and folder is None
    is_path = local.is_absolute() or place.startswith(".") or place.endswith("/") or place.count("/") > 1
    if is_path and not is_tiny and not local.is_dir():
        raise InputError(f"there is no folder {local}", "model.name", "check the path")
    notes: list[str] = []
    if spec.series == "all":
        names = _in_folder(local) if local.is_dir() else _revisions(spec.name)
        found = [(n, _position(n, spec)) for n in names]
        without = [n for n, at in found if at is None]
        if len(without) == len(names):
            positions_of(names, spec.pattern, spec.unit)  # says what cannot be read
        if without:
            notes.append(f"{place}: without a position in their names, and left out: {', '.join(without[:5])}")
        names = [n for n, at in sorted((pair for pair in found if pair[1] is not None), key=lambda pair: pair[1] or 0)]
    else:
        names = list(spec.series or ())
    unit, at = spec.unit or "step", tuple(spec.positions or ())
    if spec.positions is None and names:
        read = positions_of(names, spec.pattern, spec.unit)
        unit, at = spec.unit or ("token" if read.unit == "token" else "step"), read.at
    if len(at) != len(names):
        raise InputError(f"{len(names)} checkpoints have {len(at)} positions", "model.positions", "give one for each")
    check_increasing(names, at, WHERE)
    alone = {"series": None, "positions": None, "pattern": None, "unit": None}
    inside = local.is_dir() or is_tiny
    folder_of = local.absolute()  # what is missing in a relative one would be looked for on the hub
    members = tuple(
        Member(n, p, spec.model_copy(update=alone | ({"name": str(folder_of / n)} if inside else {"revision": n})))
        for n, p in zip(names, at, strict=True)
    )
    return Series(place, unit, members, tuple(notes))


def _position(name: str, spec: ModelSpec) -> float | None:
    try:
        return positions_of([name], spec.pattern, spec.unit).at[0]
    except InputError as error:
        if error.where == "pattern" and "read" not in error.what:
            raise
        return None


def _in_folder(folder: Path) -> list[str]:
    found = sorted(p.name for p in folder.iterdir() if (p / "config.json").is_file() or p.suffix == ".gguf")
    if not found:
        raise InputError(f"the folder {folder} holds no checkpoints", "model.name",
                         "name one with folders made by save_pretrained, or with .gguf files")  # fmt: skip
    return found


@functools.cache
def _revisions(name: str) -> list[str]:
    import huggingface_hub as hub

    try:
        refs = hub.HfApi().list_repo_refs(name)
    except Exception as error:  # of the network, by whichever library the hub's client uses
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"the revisions of {name} cannot be listed ({why})", WHERE,
                         "check the name and the connection, or name the revisions") from error  # fmt: skip
    return [ref.name for ref in [*refs.branches, *refs.tags]]


def check_tokenizers(members: Sequence[Member], say: Callable[[str], None] = lambda _: None) -> None:
    """Refuse a series whose local checkpoints have different tokenizers; those that are not at hand are told.

    Raises
    ------
    InputError
        With the names of the two that differ.
    """
    from transformers import AutoTokenizer

    first: tuple[str, list[str], dict[str, int]] | None = None
    for member in members:
        folder = Path(member.model.name)
        if not folder.is_dir():
            if folder.is_absolute() and not folder.is_file():
                say(f"checkpoint {member.name} is not there and will be left out ({folder})")
            continue
        files = [hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in TOKENIZERS if (folder / n).is_file()]
        if first and first[1] == files:
            continue
        try:
            own = AutoTokenizer.from_pretrained(folder, trust_remote_code=False).get_vocab()
        except (OSError, ValueError, ImportError, KeyError, TypeError):
            continue  # said when it is loaded
        if first is None:
            first = (member.name, files, own)
        elif own != first[2]:
            raise different_tokenizers(first[0], member.name)


def different_tokenizers(one: str, other: str) -> InputError:
    """What to say of two checkpoints that do not read the same."""
    return InputError(
        f"{one!r} and {other!r} have different tokenizers: their log-likelihoods are of different tokens", WHERE,
        "give checkpoints of one training; other models are other arms",
    )  # fmt: skip
