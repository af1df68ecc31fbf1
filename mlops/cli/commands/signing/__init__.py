"""What can be typed about the signed record of main: keys, export, verification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.options import Json, Pipeline
from mlops.cli.output.results import Result

signing_app = typer.Typer(
    rich_markup_mode=None, add_completion=False, help="The keys that sign the record of main."
)


@signing_app.callback()
def _signing(context: typer.Context) -> None:
    context.obj.command = f"signing {context.invoked_subcommand or ''}".strip()


@signing_app.command("show")
def signing_show(context: typer.Context, json: Json = False) -> Result:
    """Show the key that signs and the keys that are trusted."""
    from mlops.cli.commands import record

    return record.show_keys(context.obj)


@signing_app.command("rotate")
def signing_rotate(context: typer.Context, json: Json = False) -> Result:
    """Replace the signing key by a new one.

    The old public key stays trusted. Give colleagues the note that is written: `mlops signing trust FILE`.
    """
    from mlops.cli.commands import record

    return record.rotate_key(context.obj)


@signing_app.command("trust")
def signing_trust(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A public key in PEM, or a rotation note.", show_default=False),
    ],
    json: Json = False,
) -> Result:
    """Trust the signatures of a colleague's key.

    Make sure first that the file is theirs: whoever's key is trusted can change main.
    """
    from mlops.cli.commands import record

    return record.trust_key(context.obj, file)


def export_record(
    context: typer.Context,
    pipeline: Pipeline,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.", show_default=False)],
    json: Json = False,
) -> Result:
    """Write the signed record of main to a file."""
    from mlops.cli.commands import record

    return record.export_record(context.obj, pipeline, file)


def verify(
    context: typer.Context,
    bundle: Annotated[
        Path,
        typer.Argument(metavar="BUNDLE", help="File made by `mlops export-record`.", show_default=False),
    ],
    json: Json = False,
) -> Result:
    """Verify an exported record, without lake or network.

    Every statement must be signed by a trusted key and name the one before it. Exit code 42: a signature is
    missing or by somebody else; 40: something is missing or was changed.
    """
    from mlops.cli.commands import record

    return record.verify(context.obj, bundle)


def register(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(signing_app, name="signing")
    for command in (export_record, verify):
        app.command(command.__name__.replace("_", "-"))(command)
