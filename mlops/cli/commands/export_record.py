"""``signing``, ``export-record`` and ``verify``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from mlops.cli.output.results import Result
from mlops.cli.output.text import count, short
from mlops.cli.session import Session
from mlops.runs.errors import ConfigError, Corrupt, InputError, system_reason

#: A record of some hundred thousand changes; a larger file is none.
_MAX_BUNDLE_BYTES = 1 << 30


def show_keys(session: Session) -> Result:
    """Show the signing key, which is created where there is none, and the trusted keys."""
    from mlops.adapters.record.signing import load_trusted
    from mlops.steps.opening import signer_of

    settings = session.settings
    signs, trusted = signer_of(settings).key_id, load_trusted(settings.trusted_folder).key_ids
    public = settings.trusted_folder / f"{signs}.pub"
    where = settings.signer_command or str(settings.key_file)
    document = {"signs": signs, "with": where, "public_key": str(public), "trusted": list(trusted)}
    unknown = [] if signs in trusted else ["its own signatures are not trusted: put its public key there"]
    return Result(
        document,
        [
            f"signs:      {signs}",
            f"with:       {where}",
            f"public key: {public}",
            *(f"trusted:    {key}" for key in trusted),
            *unknown,
        ],
    )


def rotate_key(session: Session) -> Result:
    """Replace the signing key; colleagues are given the note."""
    from mlops.adapters.record.key_rotation import rotate
    from mlops.adapters.system import SystemClock
    from mlops.steps.opening import signer_of
    from mlops.steps.run_inputs import author

    settings = session.settings
    if settings.signer_command:
        todo = "rotate it there, then set MLOPS_SIGNER_KEY_ID and trust its public key"
        raise ConfigError("the key is with a key service", where="MLOPS_SIGNER_COMMAND", todo=todo)
    signer_of(settings)
    done = rotate(settings.key_file, settings.trusted_folder, author().who, SystemClock().now_s())
    lines = [
        f"signs from now on: {done.new}",
        f"stays trusted:     {done.old}",
        f"for colleagues:    mlops signing trust {done.note}",
    ]
    return Result({"old": done.old, "new": done.new, "note": str(done.note)}, lines)


def trust_key(session: Session, file: Path) -> Result:
    """Trust a public key, or the one that a rotation note names."""
    from mlops.adapters.record.key_rotation import trust

    key = trust(file, session.settings.trusted_folder)
    return Result({"trusted": key}, [f"trusted: {key}"])


def export_record(session: Session, pipeline: str, file: Path) -> Result:
    """Write the signed record of a pipeline's main to a file."""
    from mlops.runs.main.state import read_main
    from mlops.runs.record.bundle import export_record as exported

    workspace = session.workspace(pipeline)
    bundle = exported(workspace.ports, read_main(workspace.lake))
    try:
        file.write_text(json.dumps(bundle, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {system_reason(error)}", where=str(file)) from error
    changes, notes = len(bundle["changes"]), len(bundle["notes"])
    said = f"{count(changes, 'change')} and {count(notes, 'note')} written to {file}"
    document = {"pipeline": pipeline, "file": str(file), "changes": changes, "notes": notes}
    return Result(document, [said, f"next: mlops verify {file}"])


def verify(session: Session, bundle: Path) -> Result:
    """Verify an exported record by the trusted keys."""
    from mlops.adapters.record.signing import load_trusted
    from mlops.runs.record.bundle import verify_bundle

    try:
        if bundle.stat().st_size > _MAX_BUNDLE_BYTES:
            raise Corrupt("larger than a record can be", where=str(bundle))
        value = json.loads(bundle.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {system_reason(error)}", where=str(bundle)) from error
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"not JSON: {error}", where=str(bundle)) from error
    proved = verify_bundle(value, load_trusted(session.settings.trusted_folder), str(bundle))
    lines = [
        f"{count(proved.changes, 'change')} of {proved.repository} and {count(proved.notes, 'note')}: "
        "each is signed, and none is missing in between",
        f"newest: {short(proved.commit)}, statement {proved.head}",
        *(f"signed by {key}" for key in proved.keys),
        "whether it is the newest one the lake or a witness tells: compare its statement",
    ]
    return Result(dataclasses.asdict(proved), lines)
