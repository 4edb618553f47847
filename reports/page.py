"""Is the finished page what it should be? Renderers exit with 0 after dropping things."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote

_TEXT_FREE = {"script", "style"}
_GIVEN = "given"  # the class of text that is not the report's own: it may look like anything (R/text.R)
_LOADS = {"link": "href", "object": "data"} | dict.fromkeys(("script", "img", "iframe", "source", "video"), "src")
_REFERENCE = re.compile(r"(?<!\w)@(?:fig|tbl|sec|eq|lst)-[\w-]+")
_RAW = re.compile(r":::+ ?\{[^}]*\}|\{\{<[^>]*>\}\}|`r [^`]*`")


_VISIBLE = {c: 0x2400 + c for c in range(32)} | {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_VISIBLE |= dict.fromkeys((*range(9, 14), 0x85, 0x2028, 0x2029), 0x20)


class _Page(HTMLParser):
    """The page's text, and what it asks the network for."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.own: list[str] = []  # without what the user gave
        self.asked: list[str] = []
        self.without_alt: list[str] = []  # the id that stands before each
        self._last_id = ""
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self._inside: list[str] = []
        self._given = 0
        self._title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        if tag in _TEXT_FREE:
            self._inside.append(tag)
        self._title = tag == "title"
        if tag == "span" and (self._given or _GIVEN in values.get("class", "").split()):
            self._given += 1
        if values.get("id"):
            self.ids.add(values["id"])
            self._last_id = values["id"]
        if tag == "a" and values.get("href", "").startswith("#"):
            self.links.add(unquote(values["href"][1:]))
        if tag == "img" and not values.get("alt", "").strip():
            self.without_alt.append(self._last_id)
        address = values.get(_LOADS.get(tag, ""), "")
        # A canonical link and the like name an address without loading it.
        loads = tag != "link" or re.search(r"stylesheet|icon|preload|import|font", values.get("rel", ""))
        if loads and re.match(r"(https?:)?//", address.strip(), re.IGNORECASE):
            self.asked.append(address)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()
        if tag == "span" and self._given:
            self._given -= 1

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text.append(data)
            self.own.append(" " if self._given or self._title else data)
        elif self._inside[-1] == "style":
            self.asked += re.findall(r"""(?:url\(\s*|@import\s+)['"]?((?:https?:)?//[^'")\s]+)""", data)


def faults(html: str, expected: list[str]) -> list[str]:
    """What is wrong with a page, in words; empty if nothing is.

    Parameters
    ----------
    html : str
    expected : list of str
        Texts that must be on the page, such as the study's name.
    """
    page = _read(html)
    text = _plain("".join(page.text))
    found = [f"{value!r} is not on the page" for value in expected if _plain(value) not in text]
    text = _plain("".join(page.own))
    for value in expected:  # a title may look like markup, and is not
        text = text.replace(_plain(value), " ")
    if "?@" in text:
        found.append("there is a broken reference (?@)")
    found += [f"unresolved reference {r}" for r in sorted(set(_REFERENCE.findall(text)))]
    found += [f"raw markup on the page: {m}" for m in sorted(set(_RAW.findall(text)))]
    found += [f"the link #{link} leads nowhere" for link in sorted(page.links - page.ids - {""})]
    found += [f"the page loads {address}" for address in sorted(set(page.asked))]
    return found


def remarks(html: str) -> list[str]:
    """What a draft may still lack and a finished page may not, in words: text in the place of each image."""
    places = [f"at #{place}" if place else "at the top" for place in _read(html).without_alt]
    return [f"an image without alt text ({place}): give its chunk a fig-alt" for place in places]


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    return page


def _plain(text: str) -> str:
    """Text without the typography that a renderer may add; control characters as `visible` of R/text.R shows them."""
    text = text.translate(_VISIBLE)
    text = text.translate(str.maketrans("\u2019\u2018\u201c\u201d\u00a0", "''\"\" "))
    text = text.replace("\u2026", "...").replace("\u2014", "---").replace("\u2013", "--")
    return " ".join(text.split())
