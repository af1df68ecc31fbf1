"""Markdown as HTML: without HTML of its own, its links and pictures led to this site's addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mlops.lakeserver.pages.markup import Markup, Part, address, tag

if TYPE_CHECKING:
    from markdown_it.token import Token

_SCHEME = "lakefs"


@dataclass(frozen=True)
class Place:
    """The location of a file, to which its relative links refer."""

    repository: str
    ref: str
    path: str

    def beside(self, target: str) -> str:
        """Return the path of what a relative link names."""
        named = unquote(target.partition("#")[0].partition("?")[0])
        folder = "" if named.startswith("/") else self.path.rpartition("/")[0]
        found = normpath(f"/{folder}/{named}").lstrip("/")
        return f"{found}/" if found and named.endswith(("/", "..", "/.")) else found

    def page(self, path: str) -> str:
        """Return the page of a file, or of a folder, whose path is empty or ends with a slash."""
        kind = "object" if path and not path.endswith("/") else "objects"
        return address(self.repository, kind, ref=self.ref, path=path)

    def raw(self, path: str) -> str:
        """Return the address of a file's bytes."""
        return f"/api/v1{address(self.repository, 'refs', self.ref, 'objects', path=path)}"


def render(text: str, place: Place) -> Part:
    """Return the HTML of a Markdown file.

    Headings are one level lower than in the file: the page has its own above them. Pictures from elsewhere
    are links: looking at a file tells nobody that it was looked at.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("js-default", {"html": False, "linkify": False})
    tokens = list(_adapted(parser.parse(text), place))
    return tag("article", Markup(parser.renderer.render(tokens, parser.options, {})))


def _adapted(tokens: list[Token], place: Place) -> Iterator[Token]:
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 1, 6)}"
        elif token.type in ("th_open", "td_open"):
            # Styles within the page are refused by its own content security policy.
            token.attrs.pop("style", None)
        elif token.type in ("fence", "code_block"):
            code = tag("code", token.content)
            yield _html(tag("pre", code, tabindex="0", role="region", aria_label="Code"))
            continue
        elif token.children:
            token.children = [part for child in token.children for part in _inline(child, place)]
        if token.type == "table_open":
            yield _html('<div class="wide" tabindex="0" role="region" aria-label="Table">')
        yield token
        if token.type == "table_close":
            yield _html("</div>")


def _inline(token: Token, place: Place) -> Iterator[Token]:
    if token.type == "link_open":
        token.attrs["href"] = _target(str(token.attrs.get("href", "")), place)
        token.attrs["rel"] = "noopener noreferrer nofollow"
    if token.type != "image":
        yield token
        return
    source = str(token.attrs.get("src", ""))
    if not _elsewhere(source):
        token.attrs["src"] = place.raw(place.beside(source))
        yield token
        return
    yield _html(
        tag("a", f"picture: {token.content or source}", href=source, rel="noopener noreferrer nofollow")
    )


def _elsewhere(target: str) -> bool:
    parts = urlsplit(target)
    return bool(parts.scheme or parts.netloc)


def _target(href: str, place: Place) -> str:
    parts = urlsplit(href)
    if parts.scheme == _SCHEME:
        ref, _, path = unquote(parts.path).lstrip("/").partition("/")
        return Place(parts.netloc, ref, path).page(path)
    if _elsewhere(href) or href.startswith("#"):
        return href
    return place.page(place.beside(href))


def _html(text: str) -> Token:
    from markdown_it.token import Token

    return Token("html_inline", "", 0, content=text)
