"""A page as its reader sees it: text without markup, figures, captions."""

import re
from html import unescape
from html.parser import HTMLParser


def text_of(page: str) -> str:
    body = re.sub(r"<(style|script|math)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u00a0", " ").split())


def section(page: str, identifier: str) -> str:
    """Text of the part under the heading with this id, up to the next heading of its level."""
    found = re.search(rf'<h2[^>]*id="{identifier}".*?(?=<h2[ >]|</main>)', page, re.DOTALL)
    assert found, f"no section {identifier}"
    return text_of(found[0])


class Images(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append(dict(attrs))
