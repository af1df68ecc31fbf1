"""Write the assembled action files, or check that they are what the sources give."""

from __future__ import annotations

import argparse
import sys

from mlops.enforcer.assemble import assemble, stale


def main() -> int:
    """Run with ``--write`` or ``--check``; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mlops.enforcer", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write infra/lakefs/*.yaml")
    action.add_argument("--check", action="store_true", help="fail if a file there is not what it should be")
    if parser.parse_args().check:
        names = [path.name for path in stale()]
        if names:
            sys.stderr.write(
                f"stale: {', '.join(names)} in infra/lakefs; run python -m mlops.enforcer --write\n"
            )
        return 1 if names else 0
    for path, text in assemble().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
