"""Mode production: only committed code runs, and only the packages of the lock."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.runs.errors import ConfigError
from mlops.runs.inputs import Mode
from mlops.steps import run
from mlops.steps.arrivals import ingest
from mlops.steps.production import committed, environment
from mlops.steps.production.committed import check_committed
from mlops.steps.production.locked import check_locked, installed, pinned
from mlops.steps.review import acts
from mlops.steps.rollback import restore
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, tiny_workspace


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that is committed to a repository."""
    folder = tmp_path / "work" / "pack"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "model.py").write_text("A = 1\n", encoding="utf-8")
    (folder.parent / ".gitignore").write_text("secret.py\n", encoding="utf-8")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", "-A")
    git(folder.parent, "commit", "-qm", "all")
    return folder


class TestCommitted:
    def test_passes(self, package: Path) -> None:
        check_committed(package)
        check_committed(package / "model.py")

    @pytest.mark.parametrize("name", ["model.py", "new.py", "secret.py", "data.csv"])
    def test_a_file_that_is_not_is_named(self, package: Path, name: str) -> None:
        (package / name).write_text("A = 2\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=f"not committed: pack/{name}"):
            check_committed(package)

    def test_a_change_that_is_only_staged_is_none(self, package: Path) -> None:
        (package / "model.py").write_text("A = 2\n", encoding="utf-8")
        git(package, "add", "-A")
        with pytest.raises(ConfigError, match=r"pack/model\.py"):
            check_committed(package)

    def test_a_change_that_git_was_told_to_overlook_is_named(self, package: Path) -> None:
        git(package, "update-index", "--assume-unchanged", "model.py")
        (package / "model.py").write_text("A = 2\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"pack/model\.py"):
            check_committed(package)

    def test_a_change_elsewhere_in_the_repository_does_not_matter(self, package: Path) -> None:
        (package.parent / "notes.txt").write_text("later", encoding="utf-8")
        check_committed(package)

    def test_variables_of_git_do_not_lead_elsewhere(
        self, package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (package / "model.py").write_text("A = 2\n", encoding="utf-8")
        git(tmp_path, "init", "-q", "other")
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
        with pytest.raises(ConfigError, match=r"pack/model\.py"):
            check_committed(package)

    def test_without_a_repository_it_says_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "model.py").write_text("", encoding="utf-8")
        with pytest.raises(ConfigError, match="install it as a package"):
            check_committed(tmp_path)

    def test_an_installed_package_needs_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(committed.sysconfig, "get_path", lambda _name: str(tmp_path / "site"))
        (tmp_path / "site" / "pack").mkdir(parents=True)
        check_committed(tmp_path / "site" / "pack")


class TestLocked:
    @pytest.fixture(autouse=True)
    def _packages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("numpy-2.1.0", "scikit_learn-1.6.0", "torch-2.0.0+cpu", "pip-25.0", "mine-0.1"):
            (tmp_path / "lib" / f"{name}.dist-info").mkdir(parents=True)
        monkeypatch.setattr(sys, "path", [str(tmp_path / "lib")])

    def lock(self, tmp_path: Path, text: str, name: str = "requirements.lock") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    def test_packages_are_found_by_their_folders(self) -> None:
        assert installed()["scikit-learn"] == "1.6.0"

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            (
                "requirements.lock",
                "# by a tool\nnumpy==2.1.0 \\\n    --hash=sha256:00\nnumpy==1.26.0 ; python_version < '3'\n"
                "scikit-learn[all]==1.6.0\ntorch==2.0.0\nabsent==3\n",
            ),
            (
                "uv.lock",
                "".join(
                    f'[[package]]\nname = "{name}"\nversion = "{version}"\n'
                    for name, version in (("numpy", "2.1.0"), ("Scikit_Learn", "1.6.0"), ("torch", "2.0.0"))
                ),
            ),
            (
                "pylock.toml",
                "".join(
                    f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
                    for name, version in (("numpy", "2.1.0"), ("scikit-learn", "1.6.0"), ("torch", "2.0.0"))
                ),
            ),
        ],
    )
    def test_those_of_the_lock_pass(self, tmp_path: Path, name: str, text: str) -> None:
        check_locked(self.lock(tmp_path, text, name), {"mine"})

    def test_the_first_differences_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            check_locked(self.lock(tmp_path, "numpy==2.0.0\ntorch==2.0.0\n"), {"mine"})

        assert "numpy 2.1.0 (the lock has 2.0.0), scikit-learn 1.6.0 (not in the lock)" in str(caught.value)
        assert "torch" not in str(caught.value)

    @pytest.mark.parametrize("text", ["", "numpy>=2\n", "[[package]]\nname = 3 = 4"])
    def test_a_file_that_pins_nothing_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigError, match=r"pins no package|cannot be read as a lock"):
            pinned(self.lock(tmp_path, text))


class TestRun:
    @pytest.fixture
    def production(self, package: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
        """The tiny pipeline in mode production, with the program's code in a small repository."""
        monkeypatch.setattr(environment, "PACKAGE", package)
        monkeypatch.setattr(environment, "outside_code_of", lambda _spec: None)
        made = tiny_workspace("2020-01", "2020-02", "2020-03")
        return dataclasses.replace(made, ports=dataclasses.replace(made.ports, mode=Mode.PRODUCTION))

    def test_of_committed_code_is_promoted(self, production: Workspace) -> None:
        assert run.run_all(production, SPEC.parameters({})).number == 1

    def test_of_changed_code_is_refused_before_anything_is_written(
        self, production: Workspace, package: Path
    ) -> None:
        (package / "model.py").write_text("A = 2\n", encoding="utf-8")
        before = (production.lake.head("main"), production.lake.branches(""))
        source, frames = ingest.from_source(production, "2020-04")
        for act in (
            lambda: run.open_(production, SPEC.parameters({})),
            lambda: ingest.deliver(production, "2020-04", source, frames),
            lambda: restore.restore(production, 1, "why not"),
            lambda: restore.promote(production, "0" * 12),
            lambda: acts.approve(production, "0" * 12, "it looks right"),
            lambda: acts.override(production, "0" * 12, "all the same", "somebody"),
        ):
            with pytest.raises(ConfigError, match=r"not committed: pack/model\.py"):
                act()

        assert (production.lake.head("main"), production.lake.branches("")) == before

    def test_with_other_packages_than_the_locks_is_refused(
        self, production: Workspace, tmp_path: Path
    ) -> None:
        lock = tmp_path / "requirements.lock"
        lock.write_text("numpy==0.0.1\n", encoding="utf-8")
        with pytest.raises(ConfigError, match="only the packages of the lock"):
            run.open_(dataclasses.replace(production, lock_file=lock), SPEC.parameters({}))

    def test_that_other_code_has_made_is_not_promoted(
        self, production: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        standard = dataclasses.replace(
            production, ports=dataclasses.replace(production.ports, mode=Mode.STANDARD)
        )
        decided = run.evaluate(standard, run.open_(standard, SPEC.parameters({})))
        with monkeypatch.context() as changed:
            changed.setattr(environment, "code_digest", lambda _spec: "of the committed code")
            with pytest.raises(ConfigError, match="made by other code"):
                restore.promote(production, decided.run_id)

        assert restore.promote(production, decided.run_id).number == 1

    def test_in_other_modes_asks_nothing_of_git(
        self, production: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def asked(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr(environment, "check_committed", asked)
        standard = dataclasses.replace(
            production, ports=dataclasses.replace(production.ports, mode=Mode.STANDARD)
        )
        assert run.open_(standard, SPEC.parameters({})).step == "opened"


def test_the_locks_names_are_read_without_python_metadata() -> None:
    assert {"numpy", "pandas"} <= installed().keys()
