"""`python -m mlops.lakeserver --data DIR`: the embedded lake server as a program of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mlops.lakeserver.credentials import FILE_NAME, QUICKSTART, CredentialsUnusable, find
from mlops.lakeserver.hooks.webhook.http_post import check_address
from mlops.lakeserver.http.auth import Credentials
from mlops.lakeserver.server import DEFAULT_LISTEN, ListenRefused, Options, Server
from mlops.lakeserver.store.database import FormatMismatch
from mlops.lakeserver.store.lock import StoreInUse

_WELCOME = """access key: {key.access_key_id}, secret: {key.secret_access_key}
sample repository: lakectl repo create lakefs://quickstart local://quickstart --sample-data
"""


class ImportRefused(ValueError):
    """The folder to import from is none."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mlops.lakeserver", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the store; created if it is not there"
    )
    parser.add_argument(
        "--listen",
        default=DEFAULT_LISTEN,
        help=f"loopback address and port, 0 for a free one ({DEFAULT_LISTEN})",
    )
    parser.add_argument(
        "--credentials",
        type=Path,
        help=f"file with the access key in lakectl's form, mode 600; made if missing (DIR/{FILE_NAME})",
    )
    parser.add_argument(
        "--durability",
        choices=("full", "os"),
        default="full",
        help="full: what is acknowledged is on disk; os: flushing is left to the system",
    )
    parser.add_argument(
        "--quickstart",
        action="store_true",
        help="use lakeFS's published quickstart credentials (on this machine only)",
    )
    parser.add_argument(
        "--allow-import",
        type=Path,
        metavar="FOLDER",
        help="let clients import files of this folder, by paths as local:///FOLDER/file (none)",
    )
    parser.add_argument(
        "--allow-webhook",
        type=check_address,
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="let webhooks of action files reach this address; may be given several times (none)",
    )
    return parser.parse_args()


def _options(args: argparse.Namespace, credentials: Credentials) -> Options:
    durable = args.durability == "full"
    return Options(
        args.data,
        credentials,
        args.listen,
        durable=durable,
        import_from=_folder(args.allow_import),
        webhooks=tuple(args.allow_webhook),
    )


def _folder(path: Path | None) -> Path | None:
    """Return the folder, which is there.

    Raises:
        ImportRefused: it is not.
    """
    if path is not None and not path.is_dir():
        raise ImportRefused(f"{path} is not a folder: nothing can be imported from there")
    return path


def main() -> int:
    """Serve until interrupted; return 0, or 1 where it could not start."""
    args = _arguments()
    try:
        credentials = QUICKSTART if args.quickstart else find(args.credentials or args.data / FILE_NAME)
        server = Server(_options(args, credentials))
    except (CredentialsUnusable, ImportRefused, ListenRefused, StoreInUse, FormatMismatch, OSError) as error:
        sys.stderr.write(f"lake server: {error}\n")
        return 1
    sys.stdout.write(f"lake server: {server.url} (data in {args.data})\n")
    if args.quickstart:
        sys.stdout.write(_WELCOME.format(key=credentials))
    sys.stdout.flush()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
