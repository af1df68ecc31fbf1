"""``python -m mlops.frontdoor FILE``: the front door as a program of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from mlops.frontdoor.options import DoorOptions
from mlops.frontdoor.server import Door


def main(arguments: list[str]) -> int:
    """Serve until interrupted; return 0, or 1 where it could not start."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mlops.frontdoor FILE\n")
        return 2
    try:
        door = Door(DoorOptions.load(Path(arguments[0])))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"front door: {error}\n")
        return 1
    sys.stdout.write(f"front door: {door.address}\n")
    sys.stdout.flush()
    try:
        door.run()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
