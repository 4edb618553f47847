"""The files of a corpus, cut into units that processes share and that are counted once each."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from factsurv.events.errors import InputError, together

UNIT = 256 << 20  # bytes of a unit of a plain file: seconds of work
# How a file is read, by the ending of its name before that of its compression.
KINDS = {
    ".txt": "text", ".text": "text", ".md": "text", ".jsonl": "lines", ".ndjson": "lines", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip
CODECS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
PACKAGE = "package:"


@dataclass(frozen=True)
class Unit:
    """A part of a file that is counted as one: bytes of a plain file, a row group of parquet, or all of it.

    `size` and `changed` are the file's, so that another file of the same name is another unit; `share` is what the unit
    adds to the progress, in bytes on the disk.
    """

    path: str
    size: int
    changed: int
    kind: str
    codec: str = ""
    start: int = 0
    stop: int = -1  # -1: to the end
    share: int = 0

    @property
    def name(self) -> str:
        """What it is known by among those that are done."""
        return "|".join(str(value) for value in (*asdict(self).values(),)[:-1])


def corpus_files(given: Sequence[str], base: Path = Path()) -> list[Path]:
    """The files of these files and folders, sorted within a folder; `package:NAME/…` is inside an installed package.

    Raises
    ------
    InputError
        Naming all that is not there, and folders without a file of a known kind.
    """
    found: list[Path] = []
    wrong: list[InputError] = []
    for place in given:
        try:
            path = _of_package(place) if place.startswith(PACKAGE) else base / Path(place).expanduser()
            found += _inside(path, place)
        except InputError as error:
            wrong.append(error)
    if wrong:
        raise together(wrong, "corpus", "correct these; nothing was counted")
    return list(dict.fromkeys(found))


def _of_package(place: str) -> Path:
    package, _, inside = place.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        name = package.replace("_", "-")
        raise InputError(f"the package {name!r} is not installed", place, f"pip install -c constraints.txt {name}")
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _inside(path: Path, place: str) -> list[Path]:
    known = f"known endings: {', '.join(KINDS)}, and {', '.join(CODECS)} after them"
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.is_file() and _kind(f) and not f.name.startswith("."))
        if not files:
            raise InputError("the folder holds no file of a known kind", place, known)
        return files
    if not path.is_file():
        raise InputError("there is no such file or folder", place, "check the path")
    if not _kind(path):
        raise InputError("is of no known kind", place, known)
    return [path]


def _kind(path: Path) -> tuple[str, str] | None:
    codec = CODECS.get(path.suffix.lower(), "")
    ending = (Path(path.stem).suffix if codec else path.suffix).lower()
    return (KINDS[ending], codec) if ending in KINDS else None


def units_of(files: Sequence[Path], whole: bool = False) -> list[Unit]:
    """All of these files in units; ``whole``: a text file is one document, and so no more than one unit.

    Raises
    ------
    InputError
        If they are empty altogether.
    """
    units = [unit for file in files for unit in _units(file.resolve(), whole)]
    if not sum(unit.size for unit in units):
        raise InputError("the corpus is empty: no file holds a byte", "corpus", "name files with text in them")
    return units


def _units(path: Path, whole: bool) -> list[Unit]:
    found = _kind(path)
    assert found is not None
    kind, codec = found
    state = path.stat()
    rest = (str(path), state.st_size, state.st_mtime_ns, kind, codec)
    if not codec and kind == "parquet":
        try:
            groups = pq.ParquetFile(path).num_row_groups
        except (pa.ArrowInvalid, OSError):
            groups = 1  # told when it is read
        return [Unit(*rest, i, i + 1, state.st_size // max(groups, 1)) for i in range(groups)]
    if codec or kind == "json" or (whole and kind == "text"):
        return [Unit(*rest, share=state.st_size)]
    cuts = [*range(0, state.st_size, UNIT), state.st_size]
    return [Unit(*rest, a, b, b - a) for a, b in zip(cuts, cuts[1:], strict=False)]


class Source:
    """The bytes of a file, unpacked; `at` is where on the disk the reading stands."""

    def __init__(self, path: str, codec: str):
        self._raw = open(path, "rb")  # noqa: SIM115
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._raw), codec) if codec else self._raw

    @property
    def at(self) -> int:
        return self._raw.tell()

    def seek(self, to: int) -> None:
        self._raw.seek(to)

    def read(self, size: int = -1) -> bytes:
        return self._stream.read() if size < 0 else self._stream.read(size)

    def close(self) -> None:
        self._raw.close()
