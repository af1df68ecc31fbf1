"""Repositories, their objects, and one object."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from mlops.lakeserver.errors import LakeError, NotFound
from mlops.lakeserver.http import shapes
from mlops.lakeserver.operations import branches, objects, repositories
from mlops.lakeserver.operations.paging import CommonPrefix
from mlops.lakeserver.pages import sample
from mlops.lakeserver.pages.layout import moment, next_page, page, ref_form, size
from mlops.lakeserver.pages.markdown import Place
from mlops.lakeserver.pages.markup import Part, address, facts, link, table, tag
from mlops.lakeserver.pages.previews import preview
from mlops.lakeserver.pages.visit import Visit
from mlops.lakeserver.trees.entries import decode

README = "README.md"
_PER_PAGE = 200


def list_repositories(visit: Visit) -> Response:
    """Return the repositories."""
    result = repositories.list_page(visit.lake, "", visit.query("after"), _PER_PAGE)
    rows: list[list[Part]] = [
        [link(address(repo.id, "objects"), repo.id), repo.default_branch, moment(repo.created)]
        for repo in result.results
    ]
    after = f"/repositories?{urlencode({'after': result.next_offset})}"
    shown = (
        table(["Repository", "Default branch", "Created"], rows)
        if rows
        else [tag("p", "There is none yet.", class_="quiet"), sample.offer(visit)]
    )
    return page("Repositories", shown, next_page(after, result), visit=visit)


def list_objects(visit: Visit) -> Response:
    """Return a folder of a ref."""
    repo = repositories.get(visit.lake, visit.repository)
    ref, path = visit.query("ref") or repo.default_branch, visit.query("path")
    if visit.query("showChanges") == "true":
        return _list_uncommitted(visit, repo.id, ref, path)
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
    shown = (
        table(["Name", "Size", "Modified"], rows) if rows else tag("p", "Nothing is here.", class_="quiet")
    )
    after = address(repo.id, "objects", ref=ref, path=path, after=result.next_offset)
    return page(
        f"Objects of {ref}",
        ref_form(address(repo.id, "objects"), "Ref", ref),
        _trail(repo.id, ref, path),
        _offer_uncommitted(visit, repo.id, ref),
        shown,
        next_page(after, result),
        _readme(visit, Place(repo.id, ref, f"{path}{README}")) if not path or path.endswith("/") else None,
        visit=visit,
        repository=repo.id,
        tab="objects",
    )


def _offer_uncommitted(visit: Visit, repository: str, ref: str) -> Part:
    """The way to what is not committed, where something is not."""
    bounds = {"prefix": "", "after": "", "delimiter": ""}
    try:
        found = branches.uncommitted_page(visit.lake, repository, ref, **bounds, amount=1).results
    except LakeError:  # a tag or a commit, of which all is committed
        return None
    target = address(repository, "objects", ref=ref, showChanges="true")
    return tag("p", link(target, "Uncommitted changes")) if found else None


def _list_uncommitted(visit: Visit, repository: str, ref: str, path: str) -> Response:
    """Show the changes on a branch since its last commit."""
    result = branches.uncommitted_page(
        visit.lake,
        repository,
        ref,
        prefix=path,
        after=visit.query("after"),
        delimiter="",
        amount=_PER_PAGE,
    )
    rows: list[list[Part]] = []
    for shape in map(shapes.diff, result.results):
        kind, key = shape["type"], shape["path"]
        seen_at = f"{ref}@" if kind == "removed" else ref
        target = link(address(repository, "object", ref=seen_at, path=key), key)
        rows.append([tag("span", kind, class_=kind), target, size(shape["size_bytes"])])
    query = {"ref": ref, "path": path, "showChanges": "true"}
    shown = table(["Change", "Object", "Size"], rows, text=1)
    return page(
        f"Uncommitted changes of {ref}",
        tag("p", link(address(repository, "objects", ref=ref, path=path), "All objects")),
        shown if rows else tag("p", "All is committed.", class_="quiet"),
        next_page(address(repository, "objects", **query, after=result.next_offset), result),
        visit=visit,
        repository=repository,
        tab="objects",
    )


def _readme(visit: Visit, place: Place) -> Part:
    """Show the README of a folder, if there is one."""
    try:
        _, entry = objects.stat(visit.lake, place.repository, place.ref, place.path)
        return [tag("h2", README), preview(visit.lake, entry, place)]
    except NotFound:
        return None


def _trail(repository: str, ref: str, path: str) -> Part:
    """Links to the folders above `path`."""
    parts: list[Part] = [link(address(repository, "objects", ref=ref), ref)]
    done = ""
    for name in path.split("/")[:-1]:
        done += f"{name}/"
        parts += [" / ", link(address(repository, "objects", ref=ref, path=done), name)]
    return tag("p", parts, role="navigation", aria_label="Folders")


def show_object(visit: Visit) -> Response:
    """One object: what is known of it, and its contents where they can be shown."""
    repo = repositories.get(visit.lake, visit.repository)
    ref, path = visit.query("ref") or repo.default_branch, visit.query("path")
    _, entry = objects.stat(visit.lake, repo.id, ref, path)
    place = Place(repo.id, ref, path)
    name = path.rpartition("/")[2]
    known: list[tuple[str, Part]] = [
        ("Ref", ref),
        ("Path", path),
        ("Size", size(entry.size_bytes)),
        ("Modified", moment(entry.mtime)),
        ("Content type", entry.content_type),
        ("Checksum (MD5)", tag("code", entry.checksum)),
        *entry.metadata.items(),
    ]
    return page(
        name or path,
        _trail(repo.id, ref, path),
        tag("p", link(place.raw(path), "Download", class_="button", download=name)),
        preview(visit.lake, entry, place),
        tag("h2", "About this object"),
        facts(known),
        visit=visit,
        repository=repo.id,
        tab="objects",
    )
