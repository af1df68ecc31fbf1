"""What can be typed: commands, their arguments and help. What they do is in `mlops.cli.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mlops import __version__
from mlops.cli import record_app, way_back_app
from mlops.cli.lake_app import lake_app
from mlops.cli.options import Json, Lake, Pipeline, StateDir
from mlops.cli.output.results import Result
from mlops.cli.policy_app import policy_app

app = typer.Typer(
    name="mlops",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="May this model and this data go live, and can we take it back?",
)
app.add_typer(policy_app, name="policy")
app.add_typer(lake_app, name="lake")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mlops {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    lake: Lake = None,
    state_dir: StateDir = None,
    json: Json = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """May this model and this data go live, and can we take it back?"""
    context.obj.given = {"lake": lake, "state_dir": state_dir}
    context.obj.command = context.invoked_subcommand or ""


@app.command()
def init(context: typer.Context, pipeline: Pipeline, json: Json = False) -> Result:
    """Create a repository, with what judges its runs on main."""
    from mlops.cli.commands import setup

    return setup.init(context.obj, pipeline)


@app.command()
def ingest(
    context: typer.Context,
    pipeline: Pipeline,
    arrivals: Annotated[
        list[str],
        typer.Argument(
            metavar="ARRIVAL...", help="Arrivals, or ranges such as 2013-01..2013-06.", show_default=False
        ),
    ],
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file", metavar="TABLE=PATH", help="Take a table from this CSV or Parquet file, not the source."
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Let what a rollback dropped return.")] = False,
    json: Json = False,
) -> Result:
    """Bring arrivals to main, if the suites there pass them."""
    from mlops.cli.commands import data

    return data.ingest(context.obj, pipeline, arrivals, file or [], again=again)


@app.command("run")
def run_(
    context: typer.Context,
    pipeline: Pipeline,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the model."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat a run that is over, under a new id.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Fence a process that seems to be working on the same run.")
    ] = False,
    json: Json = False,
) -> Result:
    """Train, and promote the model if it beats the champion.

    Exit code 5: it was refused, with the reasons on record. A run that was stopped goes on where it was.
    """
    from mlops.cli.commands import runs

    return runs.run(context.obj, pipeline, param or [], again=again, take_over=take_over)


@app.command()
def gate(
    context: typer.Context,
    pipeline: Pipeline,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run that was decided on.", show_default=False)],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Policy to ask instead of the one on main."),
    ] = None,
    json: Json = False,
) -> Result:
    """Ask another policy about a run; promotes nothing."""
    from mlops.cli.commands import runs

    return runs.gate(context.obj, pipeline, run, policy)


@app.command()
def status(
    context: typer.Context,
    pipeline: Annotated[
        str | None,
        typer.Argument(metavar="[PIPELINE]", help="By default all that are set up.", show_default=False),
    ] = None,
    json: Json = False,
) -> Result:
    """Show head, champion, hold, unfinished runs, servers."""
    from mlops.cli.commands import overview

    return overview.status(context.obj, pipeline)


@app.command()
def log(
    context: typer.Context,
    pipeline: Pipeline,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many, newest first.")] = 20,
    json: Json = False,
) -> Result:
    """Show promotions and rollbacks, and by what gain."""
    from mlops.cli.commands import events

    return events.log(context.obj, pipeline, limit)


@app.command()
def diff(
    context: typer.Context,
    pipeline: Pipeline,
    left: Annotated[
        str,
        typer.Argument(metavar="A", help="Branch, tag, commit or promotion number.", show_default=False),
    ],
    right: Annotated[str, typer.Argument(metavar="B", help="The same.", show_default=False)],
    objects: Annotated[bool, typer.Option("--objects", help="List objects only, read none.")] = False,
    json: Json = False,
) -> Result:
    """Show what differs: objects, rows by key, metrics."""
    from mlops.cli.commands import differences

    return differences.diff(context.obj, pipeline, left, right, objects_only=objects)


@app.command()
def audit(
    context: typer.Context,
    pipeline: Pipeline,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="REF",
            help="Audit only what came after this: number, tag or commit.",
            show_default=False,
        ),
    ] = "",
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Load the models, predict again and compare with the record.")
    ] = False,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Make the rows again from raw data and run the suites again, of ingests too."
        ),
    ] = False,
    refit: Annotated[
        bool, typer.Option("--refit", help="Train the models again and compare their predictions; slow.")
    ] = False,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Ask again what an earlier audit found clean.")
    ] = False,
    json: Json = False,
) -> Result:
    """Prove that all on main passed the gate.

    Goes on where the last audit from here ended. Exit code 41: something does not hold, one line for each.
    Exit code 43: nothing is wrong as far as can be told, but something could not be proved.
    What differs when it is computed again is not proved to be wrong where other code or libraries made it.
    """
    from mlops.cli.commands import auditing

    asked = auditing.Asked(since=since, rescore=rescore, rebuild=rebuild, refit=refit, from_start=from_start)
    return auditing.audit(context.obj, pipeline, asked)


way_back_app.register(app)
record_app.register(app)


@app.command()
def reconcile(context: typer.Context, pipeline: Pipeline, json: Json = False) -> Result:
    """Finish what was left undone; tags and MLflow follow."""
    from mlops.cli.commands import upkeep

    return upkeep.reconcile(context.obj, pipeline)


@app.command()
def sweep(
    context: typer.Context,
    pipeline: Pipeline,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only listed.")] = False,
    json: Json = False,
) -> Result:
    """Remove branches of runs that are over."""
    from mlops.cli.commands import upkeep

    return upkeep.sweep(context.obj, pipeline, yes=yes)


@app.command()
def up(context: typer.Context, json: Json = False) -> Result:
    """Serve lake, MLflow and Dagster behind one login."""
    from mlops.cli.commands import servers

    return servers.up(context.obj)


@app.command("open")
def open_(
    context: typer.Context,
    what: Annotated[
        Literal["lake", "mlflow", "dagster"],
        typer.Argument(metavar="[lake|mlflow|dagster]", help="Which page.", show_default=False),
    ] = "lake",
    only_print: Annotated[
        bool,
        typer.Option("--print", help="Only print an address that logs a browser in, once within a minute."),
    ] = False,
    json: Json = False,
) -> Result:
    """Open a page in the browser, logged in."""
    from mlops.cli.commands import servers

    return servers.open_(context.obj, what, only_print=only_print)


@app.command()
def down(context: typer.Context, json: Json = False) -> Result:
    """Stop the servers that were started from here."""
    from mlops.cli.commands import servers

    return servers.down(context.obj)


@app.command()
def demo(
    context: typer.Context,
    months: Annotated[int, typer.Option("--months", min=3, max=12, help="How many months arrive.")] = 5,
    json: Json = False,
) -> Result:
    """Run the main job on real data in a scratch store."""
    from mlops.cli.commands import demo as story

    return story.demo(context.obj, months)


@app.command()
def anomalies(
    context: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Show what starts with this name; may be repeated."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list them.")] = False,
    json: Json = False,
) -> Result:
    """Show what each guard stops, on scratch repositories.

    Each anomaly is played without its guard first, then with it. Exit code 41: a guard does not do its work.
    """
    from mlops.cli.commands import anomalies as gallery

    return gallery.anomalies(context.obj, only or [], only_list=list_)


@app.command("settings")
def settings_(context: typer.Context, json: Json = False) -> Result:
    """List the settings, with their variables."""
    from mlops.cli.commands import setup

    return setup.settings(context.obj)


@app.command("completion")
def completion_(
    context: typer.Context,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", show_default=False)],
    json: Json = False,
) -> Result:
    """Print a completion script for bash, zsh or fish.

    For bash: `source <(mlops completion bash)`. For zsh the same, after `compinit`. For fish:
    `mlops completion fish | source`.
    """
    from mlops.cli.commands import completion

    return completion.completion(shell)
