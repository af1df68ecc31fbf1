"""Folders for sockets: the user's alone, and short enough for the system."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops.adapters import private_sockets
from mlops.runs.errors import ConfigError

NAME = "front-door.sock"


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose path leaves room for sockets, whatever the tests' folder is called."""
    short = Path("/tmp") / f"mlops-test-{os.getpid()}-{tmp_path.name[-12:]}"  # noqa: S108
    short.mkdir(mode=0o700)
    yield short
    shutil.rmtree(short)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFolder:
    def test_is_in_the_state_folder_and_its_user_s_alone(self, state_dir: Path) -> None:
        found = private_sockets.folder(state_dir, NAME)

        assert (found, mode(found)) == (state_dir / "sockets", 0o700)

    def test_is_closed_again_if_somebody_has_opened_it(self, state_dir: Path) -> None:
        private_sockets.folder(state_dir, NAME).chmod(0o777)

        assert mode(private_sockets.folder(state_dir, NAME)) == 0o700

    def test_is_no_link_to_another(self, state_dir: Path) -> None:
        (state_dir / "elsewhere").mkdir()
        (state_dir / "sockets").symlink_to(state_dir / "elsewhere")

        with pytest.raises(ConfigError, match="this user's own"):
            private_sockets.folder(state_dir, NAME)

    def test_is_somewhere_shorter_where_the_path_is_too_long(self, state_dir: Path) -> None:
        long = state_dir / ("x" * 100)
        found = private_sockets.folder(long, NAME)
        try:
            assert (mode(found), found.parent.name != "sockets") == (0o700, True)
            assert private_sockets.folder(long, NAME) == found
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(found / NAME))
        finally:
            shutil.rmtree(found)
        again = private_sockets.folder(long, NAME)
        assert again != found
        again.rmdir()
