"""Declare and run ``mlops open``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session

_PATHS = {"lake": "/", "mlflow": "/mlflow/", "dagster": "/dagster/"}

Page = Annotated[
    Literal["lake", "mlflow", "dagster"],
    typer.Argument(metavar="[lake|mlflow|dagster]", help="Page to open.", show_default=False),
]
OnlyPrint = Annotated[
    bool,
    typer.Option("--print", help="Only print an address that logs a browser in, once and within a minute."),
]


def open_page(
    context: typer.Context, what: Page = "lake", only_print: OnlyPrint = False, json: Json = False
) -> Result:
    """Open a page in the browser, logged in."""
    from mlops.servers.browser import ask_login, open_with_code

    session: Session = context.obj
    settings, path = session.settings, _PATHS[what]
    login = ask_login(settings, path)
    page = f"{login.address}{path}"
    if not only_print and open_with_code(settings.state_dir, login.address, login.code):
        return Result({"address": page, "opened": True}, [f"opened {page}"])
    if not only_print:
        session.report("no browser here; this address logs one in, once and within a minute:")
    return Result({"address": login.url, "opened": False}, [login.url])
