"""Register the commands of the program, in the order in which `mlops --help` lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from mlops import __version__
from mlops.cli.commands import (
    anomalies,
    approve,
    audit,
    check,
    completion,
    demo,
    diff,
    down,
    explain,
    export_record,
    forget,
    gate,
    ingest,
    init,
    log,
    new,
    profile,
    promote,
    recommend,
    reconcile,
    rehearse,
    reject,
    report,
    restore,
    resume,
    rollback,
    run,
    runs,
    score,
    serve,
    settings,
    show,
    status,
    sweep,
    sweep_params,
    up,
    verify,
    versions,
    write_off,
)
from mlops.cli.commands import open as open_
from mlops.cli.commands.config import show as config_show
from mlops.cli.commands.keys import create as keys_create
from mlops.cli.commands.keys import list as keys_list
from mlops.cli.commands.keys import revoke as keys_revoke
from mlops.cli.commands.lake import dump as lake_dump
from mlops.cli.commands.lake import gc as lake_gc
from mlops.cli.commands.lake import restore as lake_restore
from mlops.cli.commands.lake import serve as lake_serve
from mlops.cli.commands.lake import verify as lake_verify
from mlops.cli.commands.policy import apply as policy_apply
from mlops.cli.commands.signing import rotate as signing_rotate
from mlops.cli.commands.signing import show as signing_show
from mlops.cli.commands.signing import trust as signing_trust
from mlops.cli.options import Env, Json, Lake, StateDir
from mlops.cli.output.results import Result

Commands = Mapping[str, Callable[..., Result]]

_COMMANDS: Commands = {
    "new": new.new,
    "check": check.check,
    "init": init.init,
    "ingest": ingest.ingest,
    "run": run.run,
    "sweep-params": sweep_params.sweep_params,
    "gate": gate.gate,
    "status": status.status,
    "runs": runs.runs,
    "show": show.show,
    "report": report.report,
    "explain": explain.explain,
    "log": log.log,
    "versions": versions.versions,
    "profile": profile.profile,
    "diff": diff.diff,
    "audit": audit.audit,
    "recommend": recommend.recommend,
    "serve": serve.serve,
    "score": score.score,
    "rollback": rollback.rollback,
    "rehearse": rehearse.rehearse,
    "resume": resume.resume,
    "restore": restore.restore,
    "promote": promote.promote,
    "approve": approve.approve,
    "reject": reject.reject,
    "write-off": write_off.write_off,
    "forget": forget.forget,
    "export-record": export_record.export_record,
    "verify": verify.verify,
    "reconcile": reconcile.reconcile,
    "sweep": sweep.sweep,
    "up": up.up,
    "open": open_.open_page,
    "down": down.down,
    "demo": demo.demo,
    "anomalies": anomalies.anomalies,
    "settings": settings.settings,
    "completion": completion.completion,
}
_CONFIG: Commands = {"show": config_show.show}
_KEYS: Commands = {
    "create": keys_create.create,
    "list": keys_list.list_keys,
    "revoke": keys_revoke.revoke,
}
_POLICY: Commands = {"apply": policy_apply.apply}
_LAKE: Commands = {
    "serve": lake_serve.serve,
    "verify": lake_verify.verify,
    "gc": lake_gc.gc,
    "dump": lake_dump.dump,
    "restore": lake_restore.restore,
}
_SIGNING: Commands = {
    "show": signing_show.show,
    "rotate": signing_rotate.rotate,
    "trust": signing_trust.trust,
}


def _app(commands: Commands, **settings: Any) -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, add_completion=False, **settings)
    for name, command in commands.items():
        made.command(name)(command)
    return made


def _add_group(name: str, commands: Commands, description: str) -> None:
    """Add a group whose commands are known to the session by their full name, e.g. `lake gc`."""
    group = _app(commands, help=description)
    app.add_typer(group, name=name)

    @group.callback()
    def name_command(context: typer.Context) -> None:
        context.obj.command = f"{name} {context.invoked_subcommand or ''}".strip()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mlops {__version__}")
        raise typer.Exit


app = _app(
    _COMMANDS,
    name="mlops",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="May this model and this data go live, and can we take it back?",
)
_add_group("config", _CONFIG, "Show the configuration in force.")
_add_group("keys", _KEYS, "Manage the keys that mlops serve accepts.")
_add_group("policy", _POLICY, "Change the gate configuration on main.")
_add_group("lake", _LAKE, "Run the embedded lake server; move repositories.")
_add_group("signing", _SIGNING, "Manage the keys that sign the record of main.")


@app.callback()
def options(
    context: typer.Context,
    lake: Lake = None,
    state_dir: StateDir = None,
    env: Env = None,
    json: Json = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """May this model and this data go live, and can we take it back?"""
    context.obj.given = {"lake": lake, "state_dir": state_dir, "env": env}
    context.obj.command = context.invoked_subcommand or ""
