"""What can be typed after ``mlops policy``."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Json, Pipeline, Reason
from mlops.cli.output.results import Result

policy_app = typer.Typer(rich_markup_mode=None, add_completion=False, help="What judges runs and arrivals.")


@policy_app.callback()
def _policy(context: typer.Context) -> None:
    context.obj.command = f"policy {context.invoked_subcommand or ''}".strip()


@policy_app.command("apply")
def policy_apply(
    context: typer.Context,
    pipeline: Pipeline,
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    json: Json = False,
) -> Result:
    """Bring policy, suites and enforcer to main.

    They are taken from the code; this is the one way to change them on main.
    """
    from mlops.cli.commands import setup

    return setup.policy(context.obj, pipeline, reason, dry_run=dry_run)
