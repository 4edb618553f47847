"""Cells without a value, by any writer: what stands for *missing*, and what is said about texts that were read so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

# Out of quotation marks these are missing; case counts, or sodium (Na) would be.
BARE = (
    "NA", "N/A", "n/a", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "NAN", "-NaN", "-nan", "NULL", "null", "None", "NaT",
    "<NA>", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", ".", "-",
)  # fmt: skip
# What programs make of a missing value when they turn it into text: missing even in quotation marks and typed files.
WRITTEN = ("NaN", "nan", "-nan", "NaT", "<NA>", "None", "NULL", "null", "#N/A")


def without_empty(text: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Texts with null for those of blanks only."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), ""), None, text)


def without_words(
    text: pa.ChunkedArray | pa.Array, quoted: bool | None
) -> tuple[pa.ChunkedArray | pa.Array, dict[str, int]]:
    """Texts with null for words that mean *missing*, and how often each of them stood there.

    Parameters
    ----------
    text : text (R,)
    quoted : bool or None
        True: a type told text from missing, so that only `WRITTEN` is missing. False: quotation marks did, and words of
        `BARE` with blanks around them are missing, too (without blanks a csv reader has seen to them). None: a
        csv file whose quotation marks tell nothing, as they stand around missing numbers: each word of `BARE` is.
    """
    trimmed = pc.utf8_trim_whitespace(text)
    missing = pc.is_in(trimmed, pa.array(WRITTEN if quoted is not None else BARE))
    if quoted is False:
        padded = pc.and_(pc.is_in(trimmed, pa.array(BARE)), pc.not_equal(trimmed, text))
        missing = pc.or_kleene(missing, pc.fill_null(padded, False))
    if not pc.any(missing).as_py():
        return text, {}
    return pc.if_else(missing, None, text), counted(trimmed.filter(missing))


def counted(words: pa.ChunkedArray | pa.Array) -> dict[str, int]:
    """How often each word stands there."""
    return {c["values"]: c["counts"] for c in pc.value_counts(words).to_pylist()}


def kept(text: pa.ChunkedArray | pa.Array) -> dict[str, int]:
    """Words that could mean *missing* and were kept as values."""
    there = pc.is_in(text, pa.array([*BARE, *WRITTEN]))
    return counted(text.filter(there)) if pc.any(there).as_py() else {}


def told(words: Mapping[str, int]) -> str:
    """`"NA" (3 times), "-" (once)`."""
    return ", ".join(f'"{word}" ({"once" if n == 1 else f"{n:,} times"})' for word, n in words.items())


def remedy(words: Iterable[str]) -> str:
    """What to do where a word that was read as missing is a value."""
    return "write it in another word" if set(words) <= set(WRITTEN) else "put it in quotation marks"
