"""The figures of a finished report as objects: a notebook shows them, and they can be saved."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Figure:
    """One picture of a report.

    Attributes
    ----------
    name : str
        As the report's links call it, without ``fig-``; with a number where a figure has several pictures.
    data : bytes
        The file's content.
    kind : str
        Its media type, ``image/png`` or ``image/svg+xml``.
    alt, caption : str
        What it shows, in words; what stands below it.
    """

    name: str
    data: bytes
    kind: str
    alt: str
    caption: str

    def save(self, path: str | Path) -> Path:
        """Write the picture; returns its path."""
        path = Path(path)
        path.write_bytes(self.data)
        return path

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        svg = self.kind == "image/svg+xml"
        shown = self.data.decode() if svg else base64.b64encode(self.data).decode()
        return {self.kind: shown, "text/plain": f"{self.name}: {self.alt}"}

    def __repr__(self) -> str:
        return f"<figure {self.name!r}: {self.alt}>"


def figures_of(page: str) -> list[Figure]:
    """The figures of a report's HTML, in its order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    names = [name for name, *_ in reader.found]
    number: dict[str, int] = {}
    figures = []
    for name, data, kind, alt in reader.found:
        number[name] = number.get(name, 0) + 1
        called = f"{name}-{number[name]}" if names.count(name) > 1 else name
        caption = " ".join("".join(reader.captions.get(name, [])).split())
        figures.append(Figure(called, data, kind, alt, caption))
    return figures


class _Reader(HTMLParser):
    """Pictures inside elements whose id begins with ``fig-``, and their captions: both renderers write these."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bytes, str, str]] = []
        self.captions: dict[str, list[str]] = {}
        self.name = ""
        self.in_caption = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if values.get("id", "").startswith("fig-") and tag in ("figure", "div"):
            self.name = values["id"].removeprefix("fig-")
        source = values.get("src", "")
        if tag == "img" and self.name and source.startswith("data:image/"):
            about, _, content = source.removeprefix("data:").partition(",")
            data = base64.b64decode(content) if about.endswith(";base64") else unquote_to_bytes(content)
            self.found.append((self.name, data, about.partition(";")[0], values.get("alt", "")))
        self.in_caption = self.in_caption or tag == "figcaption"

    def handle_endtag(self, tag: str) -> None:
        self.in_caption = self.in_caption and tag != "figcaption"
        if tag == "figure":
            self.name = ""

    def handle_data(self, data: str) -> None:
        if self.in_caption and self.name:
            self.captions.setdefault(self.name, []).append(data)
