"""The pages' addresses, and who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mlops.lakeserver.errors import BadRequest, LakeError
from mlops.lakeserver.http.auth import Authenticator, same_origin
from mlops.lakeserver.http.connections import trust
from mlops.lakeserver.operations import repositories
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.pages import actions, browse, compare, history, login, pulls, sample, settings
from mlops.lakeserver.pages.layout import HEADERS, STYLE, STYLE_PATH, error_page
from mlops.lakeserver.pages.markup import Part, address, facts, link
from mlops.lakeserver.pages.visit import SENT_FROM_HERE, Visit

Endpoint = Callable[[Request], Awaitable[Response]]

_PAGES: dict[str, Callable[[Visit], Response]] = {
    "/repositories": browse.list_repositories,
    "/repositories/{repository}/objects": browse.list_objects,
    "/repositories/{repository}/object": browse.show_object,
    "/repositories/{repository}/compare": compare.compare,
    "/repositories/{repository}/commits": history.list_commits,
    "/repositories/{repository}/commits/{commit}": history.show_commit,
    "/repositories/{repository}/branches": history.list_branches,
    "/repositories/{repository}/tags": history.list_tags,
    "/repositories/{repository}/pulls": pulls.list_pulls,
    "/repositories/{repository}/pulls/create": pulls.create_form,
    "/repositories/{repository}/pulls/{pull}": pulls.show_pull,
    "/repositories/{repository}/settings/branches": settings.show_branch_protection,
    "/repositories/{repository}/actions": actions.list_runs,
    "/repositories/{repository}/actions/{run}": actions.show_run,
}
_FORMS: dict[str, Callable[[Visit], Response]] = {
    sample.HOME: sample.create,
    "/repositories/{repository}/pulls/create": pulls.create,
    "/repositories/{repository}/pulls/{pull}": pulls.act,
}
_MAX_FORM_BYTES = 64 * 1024
_FROM_ELSEWHERE = "This form was sent from another site."
_NOT_FROM_HERE = "This form was not sent from here, or is too old: open it again."


def site(lake: Lake, authenticator: Authenticator) -> Starlette:
    """Return the pages of one lake; whoever is not logged in is led to the form."""

    def guarded(show: Callable[[Visit], Response]) -> Endpoint:
        return _Guarded(lake, authenticator, show).answer

    async def log_in(request: Request) -> Response:
        if request.method != "POST":
            return login.form(login.local_target(request.query_params.get("next", login.HOME)))
        if not same_origin(request.scope["headers"]):
            return error_page(403, _FROM_ELSEWHERE)
        fields = await _fields(request)
        sender = request.client.host if request.client else ""
        return await run_in_threadpool(login.log_in, fields, authenticator, sender)

    async def log_out(request: Request) -> Response:
        headers = request.scope["headers"]
        if not _sent_from_here(request, await _fields(request), authenticator.form_token(headers)):
            return error_page(403, _NOT_FROM_HERE)
        await run_in_threadpool(authenticator.log_out, headers)
        return login.log_out()

    return Starlette(
        routes=[
            Route("/", _home),
            Route(STYLE_PATH, _style),
            Route(login.PATH, log_in, methods=["GET", "POST"]),
            Route("/auth/logout", log_out, methods=["POST"]),
            Route("/repositories/{repository}", _first_tab),
            *[Route(path, guarded(show), methods=["POST"]) for path, show in _FORMS.items()],
            *[Route(path, guarded(show)) for path, show in _PAGES.items()],
        ],
        exception_handlers={HTTPException: _refused, LakeError: _told, Exception: _failed},
    )


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a submitted form.

    Raises:
        BadRequest: it is more than any form of these pages has, or not sent as these pages send it.
    """
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()) or int(length) > _MAX_FORM_BYTES:
        raise BadRequest("The form is too large, or its size is not given.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest("The form has another content type than application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise BadRequest("The form cannot be read.") from None
    return dict(pairs)


async def _home(_: Request) -> Response:
    return RedirectResponse(login.HOME, 302, HEADERS)


async def _first_tab(request: Request) -> Response:
    return RedirectResponse(address(request.path_params["repository"], "objects"), 302, HEADERS)


async def _style(_: Request) -> Response:
    return Response(STYLE, media_type="text/css", headers={"x-content-type-options": "nosniff"})


async def _refused(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "There is no such page." if status == 404 else "This cannot be done here."
    return error_page(status, text, link("/repositories", "Repositories"))


async def _told(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, LakeError) else LakeError("")
    return error_page(known.status, known.message)


async def _failed(_: Request, __: Exception) -> Response:
    return error_page(500, "Something is wrong with the server.")


class _Guarded:
    """A page for those who are logged in."""

    def __init__(self, lake: Lake, authenticator: Authenticator, show: Callable[[Visit], Response]) -> None:
        self._lake = lake
        self._authenticator = authenticator
        self._show = show

    async def answer(self, request: Request) -> Response:
        headers = request.scope["headers"]
        # What a form changes is checked by the token in it, below.
        user = self._authenticator.user_of(headers)
        if user is None:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{login.PATH}?next={quote(target, safe='')}", 302, HEADERS)
        trust(request.scope)
        token = self._authenticator.form_token(headers)
        fields = await _fields(request) if request.method == "POST" else {}
        visit = Visit(self._lake, user, request, token, fields)
        if request.method == "POST" and not _sent_from_here(request, fields, token):
            return error_page(403, _NOT_FROM_HERE, visit=visit)
        try:
            return await run_in_threadpool(self._show, visit)
        except LakeError as error:
            return _refusal(visit, error)


def _refusal(visit: Visit, error: LakeError) -> Response:
    """Show the error, the request, and a link back to an existing page."""
    request = visit.request
    repository = request.path_params.get("repository", "")
    try:
        repositories.get(visit.lake, repository)
    except LakeError:
        repository = ""
    asked: list[tuple[str, Part]] = [(key, value) for key, value in request.query_params.items() if value]
    # lakeFS answers 500 to some malformed refs, which its API has to repeat; a page need not.
    status = 400 if type(error) is LakeError else error.status
    return error_page(status, error.message, facts(asked), visit=visit, repository=repository)


def _sent_from_here(request: Request, fields: dict[str, str], token: str) -> bool:
    sent = fields.get(SENT_FROM_HERE, "").encode("utf-8", "replace")
    return same_origin(request.scope["headers"]) and compare_digest(sent, token.encode())
