"""The pages' addresses, and who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mlops.lakeserver.auth import Authenticator
from mlops.lakeserver.errors import LakeError
from mlops.lakeserver.operations.lake import Lake
from mlops.lakeserver.pages import browse, compare, history, login
from mlops.lakeserver.pages.layout import HEADERS, STYLE, STYLE_PATH, page
from mlops.lakeserver.pages.markup import address, tag
from mlops.lakeserver.pages.visit import Visit

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
}


def site(lake: Lake, authenticator: Authenticator) -> Starlette:
    """The pages of one lake; whoever is not logged in is led to the form."""

    def guarded(show: Callable[[Visit], Response]) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            user = authenticator.user_of(request.scope["headers"])
            if user is None:
                target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"{login.PATH}?next={quote(target, safe='')}", 302, HEADERS)
            try:
                return await run_in_threadpool(show, Visit(lake, user, request))
            except LakeError as error:
                return page(
                    f"{error.status}", tag("p", error.message, class_="error"), user=user, status=error.status
                )

        return endpoint

    async def log_in(request: Request) -> Response:
        if request.method != "POST":
            return login.form(login.local_target(request.query_params.get("next", login.HOME)))
        if not login.same_origin(request):
            return page("403", tag("p", "This form was sent from another site."), status=403)
        return await login.log_in(request, authenticator)

    async def log_out(request: Request) -> Response:
        return login.log_out() if login.same_origin(request) else page("403", status=403)

    return Starlette(
        routes=[
            Route("/", _home),
            Route(STYLE_PATH, _style),
            Route(login.PATH, log_in, methods=["GET", "POST"]),
            Route("/auth/logout", log_out, methods=["POST"]),
            Route("/repositories/{repository}", _first_tab),
            *[Route(path, guarded(show)) for path, show in _PAGES.items()],
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )


async def _home(_: Request) -> Response:
    return RedirectResponse(login.HOME, 302, HEADERS)


async def _first_tab(request: Request) -> Response:
    return RedirectResponse(address(request.path_params["repository"], "objects"), 302, HEADERS)


async def _style(_: Request) -> Response:
    return Response(STYLE, media_type="text/css", headers={"x-content-type-options": "nosniff"})


async def _refused(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "There is no such page." if status == 404 else "This cannot be done here."
    return page(str(status), tag("p", text), status=status)


async def _failed(_: Request, __: Exception) -> Response:
    return page("500", tag("p", "Something is wrong with the server."), status=500)
