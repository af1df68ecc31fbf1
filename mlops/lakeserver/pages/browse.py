"""Repositories, their objects, and one object."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from mlops.lakeserver.entries import decode
from mlops.lakeserver.operations import objects, repositories
from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.pages.layout import moment, next_page, page, ref_form, size
from mlops.lakeserver.pages.markup import Part, address, link, table, tag
from mlops.lakeserver.pages.previews import preview
from mlops.lakeserver.pages.visit import Visit

_PER_PAGE = 200


def list_repositories(visit: Visit) -> Response:
    """The repositories."""
    result = repositories.list_page(visit.lake, "", visit.query("after"), _PER_PAGE)
    rows: list[list[Part]] = [
        [link(address(repo.id, "objects"), repo.id), repo.default_branch, moment(repo.created)]
        for repo in result.results
    ]
    after = f"/repositories?{urlencode({'after': result.next_offset})}"
    shown = (
        table(["Repository", "Default branch", "Created"], rows) if rows else tag("p", "There is none yet.")
    )
    return page("Repositories", shown, next_page(after, result), user=visit.user)


def list_objects(visit: Visit) -> Response:
    """A folder of a ref."""
    repo = repositories.get(visit.lake, visit.repository)
    ref, path = visit.query("ref") or repo.default_branch, visit.query("path")
    _, result = objects.list_page(
        visit.lake, repo.id, ref, prefix=path, after=visit.query("after"), delimiter="/", amount=_PER_PAGE
    )
    rows: list[list[Part]] = []
    for item in result.results:
        key = item.key.decode()
        name = key[len(path) :]
        if isinstance(item, CommonPrefix):
            rows.append([link(address(repo.id, "objects", ref=ref, path=key), name), "", ""])
        else:
            entry = decode(item.value)
            target = address(repo.id, "object", ref=ref, path=key)
            rows.append([link(target, name), size(entry.size_bytes), moment(entry.mtime)])
    shown = table(["Name", "Size", "Modified"], rows) if rows else tag("p", "Nothing is here.")
    after = address(repo.id, "objects", ref=ref, path=path, after=result.next_offset)
    return page(
        f"Objects of {ref}",
        ref_form(address(repo.id, "objects"), "Ref", ref),
        _trail(repo.id, ref, path),
        shown,
        next_page(after, result),
        user=visit.user,
        repository=repo.id,
    )


def _trail(repository: str, ref: str, path: str) -> Part:
    """Links to the folders above `path`."""
    parts: list[Part] = [link(address(repository, "objects", ref=ref), repository)]
    done = ""
    for name in path.split("/")[:-1]:
        done += f"{name}/"
        parts += [" / ", link(address(repository, "objects", ref=ref, path=done), name)]
    return tag("p", parts)


def show_object(visit: Visit) -> Response:
    """One object: what is known of it, and its contents where they can be shown."""
    repo = repositories.get(visit.lake, visit.repository)
    ref, path = visit.query("ref") or repo.default_branch, visit.query("path")
    _, entry = objects.stat(visit.lake, repo.id, ref, path)
    raw = f"/api/v1{address(repo.id, 'refs', ref, 'objects', path=path)}"
    known: list[list[Part]] = [
        ["Size", size(entry.size_bytes)],
        ["Modified", moment(entry.mtime)],
        ["Content type", entry.content_type],
        ["Checksum (MD5)", tag("code", entry.checksum)],
        *[[key, value] for key, value in entry.metadata.items()],
    ]
    return page(
        path,
        _trail(repo.id, ref, path),
        tag("p", link(raw, "Download", class_="button", download=path.rpartition("/")[2])),
        preview(visit.lake, entry, path, raw),
        table(["What", "Value"], known),
        user=visit.user,
        repository=repo.id,
    )
