"""Declare and run ``mlops signing rotate``."""

from __future__ import annotations

import typer

from mlops.cli.options import Json
from mlops.cli.output.results import Result
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError


def rotate(context: typer.Context, json: Json = False) -> Result:
    """Replace the signing key with a new one.

    The old public key stays trusted. Send colleagues the rotation note that is written; they run
    `mlops signing trust FILE`.
    """
    from mlops.adapters.record.key_rotation import rotate as rotate_key
    from mlops.adapters.system import SystemClock
    from mlops.steps.opening import signer_of
    from mlops.steps.run_inputs import author

    session: Session = context.obj
    settings = session.settings
    if settings.signer_command:
        todo = "rotate it there, then set MLOPS_SIGNER_KEY_ID and trust its public key"
        raise ConfigError("the key is with a key service", where="MLOPS_SIGNER_COMMAND", todo=todo)
    signer_of(settings)
    done = rotate_key(
        settings.key_file, settings.trusted_folder, author(settings.user).who, SystemClock().now_s()
    )
    lines = [
        f"signs from now on: {done.new}",
        f"stays trusted:     {done.old}",
        f"for colleagues:    mlops signing trust {done.note}",
    ]
    return Result({"old": done.old, "new": done.new, "note": str(done.note)}, lines)
