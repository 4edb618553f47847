"""Text of a file that a person made: UTF-8, or a message that says what it is instead."""

from __future__ import annotations

from pathlib import Path

from factsurv.events.errors import InputError


def utf8_text(path: Path, raw: bytes) -> str:
    """The text of ``raw``, the bytes of the csv file ``path``.

    Raises
    ------
    InputError
        If it is not UTF-8, holds zero bytes or is empty.
    """
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError("the text is UTF-16, not UTF-8", str(path), f"iconv -f UTF-16 -t UTF-8 {path.name} > utf8.csv")
    try:
        text = raw.decode("utf-8-sig")  # spreadsheets write a mark of three bytes first
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the text is not UTF-8: byte 0x{raw[error.start]:02x} in line {line} (byte {error.start})",
            str(path),
            f'iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8.csv, or save it as "CSV UTF-8"',
        ) from error
    if "\0" in text:
        raise InputError("the file holds zero bytes, so it is not csv", str(path), 'save it as "CSV UTF-8"')
    if not text.strip():
        raise InputError("the file is empty", str(path), "export the table again")
    return text
