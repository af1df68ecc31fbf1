"""What can be typed to go back, to come back, and to clean up after it."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.options import Json, Pipeline, Reason
from mlops.cli.output.results import Result

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of a run; see `mlops log`.", show_default=False)
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Fence a process that seems to be working on the same run.")
]
Target = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="TARGET",
        help="Promotion to return to: number, tag, commit, or date for the last one by then.",
        show_default="the one before",
    ),
]


def rollback(
    context: typer.Context,
    pipeline: Pipeline,
    reason: Reason = "",
    to: Target = "",
    forward: Annotated[
        bool, typer.Option("--forward", help="By a new commit with the old content, rather than a reset.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    json: Json = False,
) -> Result:
    """Return main to an earlier promotion.

    Data, model and metrics together, nothing recomputed. Promotions are on hold afterwards.
    """
    from mlops.cli.commands import rollbacks

    return rollbacks.rollback(context.obj, pipeline, reason, to, forward=forward, dry_run=dry_run)


def rehearse(context: typer.Context, pipeline: Pipeline, to: Target = "", json: Json = False) -> Result:
    """Try a rollback out on a scratch branch.

    Loads the old model, scores its holdout, tells how long each step took, and removes the branch.
    """
    from mlops.cli.commands import rehearsals

    return rehearsals.rehearse(context.obj, pipeline, to)


def resume(context: typer.Context, pipeline: Pipeline, reason: Reason = "", json: Json = False) -> Result:
    """Let promotions go on after a rollback."""
    from mlops.cli.commands import rollbacks

    return rollbacks.resume(context.obj, pipeline, reason)


def restore(
    context: typer.Context,
    pipeline: Pipeline,
    number: Annotated[
        int, typer.Argument(metavar="N", min=1, help="Number of the promotion.", show_default=False)
    ],
    reason: Reason = "",
    again: Annotated[bool, typer.Option("--again", help="Decide once more after a refusal.")] = False,
    take_over: TakeOver = False,
    json: Json = False,
) -> Result:
    """Bring an old promotion back through the gate.

    Its outputs are judged by the suites and the policy of today, against the champion of today, and get a new
    number. Exit code 5: they were refused.
    """
    from mlops.cli.commands import returns

    return returns.restore(context.obj, pipeline, number, reason, again=again, take_over=take_over)


def promote(
    context: typer.Context,
    pipeline: Pipeline,
    run: RunId,
    reason: Reason = "",
    replace_unscorable: Annotated[
        bool,
        typer.Option("--replace-unscorable", help="Even if the champion cannot be scored; needs --reason."),
    ] = False,
    take_over: TakeOver = False,
    json: Json = False,
) -> Result:
    """Bring a decided run to its end.

    One that waited for a hold, or that was refused for nothing but a champion that cannot be scored.
    """
    from mlops.cli.commands import returns

    return returns.promote(
        context.obj, pipeline, run, reason, replace_unscorable=replace_unscorable, take_over=take_over
    )


def write_off(
    context: typer.Context,
    pipeline: Pipeline,
    arrival: Annotated[
        str, typer.Argument(metavar="ARRIVAL", help="An arrival that `status` lists.", show_default=False)
    ],
    reason: Reason = "",
    json: Json = False,
) -> Result:
    """Write off an arrival that a rollback dropped."""
    from mlops.cli.commands import returns

    return returns.write_off(context.obj, pipeline, arrival, reason)


def forget(
    context: typer.Context, pipeline: Pipeline, run: RunId, reason: Reason = "", json: Json = False
) -> Result:
    """Let nothing on record lead to a run's rows.

    Its branches go and its record tags lead to the request alone; what still refers to the rows is listed.
    """
    from mlops.cli.commands import upkeep

    return upkeep.forget(context.obj, pipeline, run, reason)


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for command in (rollback, rehearse, resume, restore, promote, write_off, forget):
        app.command(command.__name__.replace("_", "-"))(command)
