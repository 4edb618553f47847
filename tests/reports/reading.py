"""A page as its reader sees it: text without markup, figures, captions."""

import re
from html import unescape
from html.parser import HTMLParser


def text_of(page: str) -> str:
    body = re.sub(r"<(style|script|math)\b.*?</\1>", " ", page, flags=re.DOTALL)
    body = re.sub(r'<a\s[^>]*class="term"[^>]*>(.*?)</a>', r"\1", body, flags=re.DOTALL)  # a word of the sentence
    body = re.sub(r'<span\s+class="whole">(.*?)</span>', r"\1", body)  # an interval
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u00a0", " ").split())


def section(page: str, identifier: str) -> str:
    """Text of the part under the heading with this id, up to the next heading of its level, and of its appendix."""
    found = [part(page, name) for name in (identifier, f"appendix-{identifier}")]
    assert found[0], f"no section {identifier}"
    return text_of(" ".join(found))


def part(page: str, identifier: str) -> str:
    """Markup from a heading on; Quarto has the id on a section around it, and as the heading's anchor."""
    found = re.search(rf'<h2[^>]*id="{identifier}".*?(?=<h2[ >]|</main>)', page, re.DOTALL)
    return found[0] if found else ""


def unfolded(page: str) -> str:
    """What is seen of a page before anything is opened: each fold by its summary alone."""
    page = page[page.index("<main") : page.index("</main>")]
    fold = re.compile(r"<details[^>]*>(\s*<summary.*?</summary>)(?:(?!<details).)*?</details>", re.DOTALL)
    while fold.search(page):  # from the inside out
        page = fold.sub(r"\1", page)
    return text_of(page)


class Images(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append(dict(attrs))
