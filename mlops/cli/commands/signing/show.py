"""Declare and run ``mlops signing show``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session


def show(context: typer.Context, json: Json = False) -> Result:
    """Show the signing key and the trusted keys."""
    from mlops.adapters.record.signing import load_trusted
    from mlops.steps.opening import signer_of

    session: Session = context.obj
    settings = session.settings
    signs, trusted = signer_of(settings).key_id, load_trusted(settings.trusted_folder).key_ids
    public = settings.trusted_folder / f"{signs}.pub"
    where = settings.signer_command or str(settings.key_file)
    document = {"signs": signs, "with": where, "public_key": str(public), "trusted": list(trusted)}
    unknown = (
        []
        if signs in trusted
        else [f"the signing key itself is not trusted: put its public key into {settings.trusted_folder}"]
    )
    lines = [
        f"signs:      {signs}",
        f"with:       {where}",
        f"public key: {public}",
        *(f"trusted:    {key}" for key in trusted),
        *unknown,
    ]
    return Result(document, lines)
