"""The outside as one actor sees it: every call about what is shared stops it until the answer is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops.runs import names
from mlops.runs.errors import Conflict, MlopsError
from mlops.runs.ports import Change, Commit, ObjectStat, Protection
from tests.model.lake import ModelLake
from tests.model.program import Call, Program, Segment
from tests.support.fakes import FakeClock


class Pause(BaseException):
    """The actor's next call has no answer yet."""


class Tape:
    """Answers that are known, and then the call that has none."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self._answers = iter(answers)
        self.call: Call | None = None

    def ask(self, name: str, *args: Any) -> Any:
        """Return the next answer, raise it where it is an error, or stop the actor."""
        if self.call is None:
            for answer in self._answers:
                if isinstance(answer, MlopsError):
                    raise type(answer)(answer.what, where=answer.where, todo=answer.todo)
                return answer
            self.call = Call(name, args)
        # What cleans up on the way out is stopped as well: that is done when the answer is known.
        raise Pause


class ActorClock(FakeClock):
    """Time stands still; waiting lasts until something happens that is worth waiting for."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape

    def sleep(self, seconds: float) -> None:
        self._tape.ask("sleep")


class ActorTracker:
    """The tracker: registered versions and aliases are shared, a run's own page concerns nobody else."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def find(self, run_id: str) -> str:
        return run_id

    def begin(self, run: Any, tags: Mapping[str, str]) -> str:
        return run.run_id

    def record(self, tracker_run: str, **_: Any) -> None:
        return None

    def finish(self, tracker_run: str, *, failed: bool) -> None:
        return None

    def register(self, model: str, uri: str, tracker_run: str, tags: Mapping[str, str]) -> str:
        return self._tape.ask("tracker.register", model, uri, tracker_run, {})

    def version_of(self, model: str, uri: str) -> str | None:
        return self._tape.ask("tracker.version_of", model, uri)

    def alias(self, model: str, alias: str) -> str | None:
        return self._tape.ask("tracker.alias", model, alias)

    def set_alias(self, model: str, alias: str, version: str | None) -> None:
        self._tape.ask("tracker.set_alias", model, alias, version)

    def note(self, model: str, key: str, value: str) -> None:
        return None


class ActorLake:
    """The lake as one actor sees it."""

    repository = "flights"
    endpoint = "model"

    def __init__(self, program: Program, segment: Segment, value: Any, own: ModelLake, tape: Tape) -> None:
        self.program, self.segment, self.value, self.own = program, segment, value, own
        self.heeds = segment.heeds(value)
        self._ask = tape.ask
        self._seen: dict[str, str] | None = None
        self._kept: dict[str, str] = {}

    def _shared(self, branch: str) -> bool:
        return branch == names.MAIN or branch.startswith(self.program.shares)

    def _written_here(self, branch: str) -> bool:
        """Tell whether a branch has this actor as its only writer: a branch of its own, or of its attempt."""
        alone = branch.startswith("run-") or names.rollback_number(branch) is not None
        return not self._shared(branch) or alone

    def _adopt(self, branch: str) -> None:
        """Begin to write to the branch of an attempt that another process has opened."""
        if branch not in self.own._branches and getattr(self.value, "branch", "") == branch:
            self.own.create_branch(branch, self.value.head)

    def _here(self, ref: str) -> bool:
        """Tell whether what a ref names can be read on the spot."""
        return self.own.is_commit(ref) or not self._shared(ref)

    def head(self, branch: str) -> str:
        if branch == names.MAIN and not self.segment.torn:
            head, self._seen = self._ask("main_and_tags", self.heeds)
            return head
        return self._ask("head", branch) if self._shared(branch) else self.own.head(branch)

    def commit_of(self, ref: str) -> Commit:
        return self.own.commit_of(ref) if self._here(ref) else self._ask("commit_of", ref)

    def log(self, ref: str) -> Any:
        return self.own.log(ref if self._here(ref) else self._ask("head", ref))

    def branches(self, prefix: str = "") -> dict[str, str]:
        if any(p.startswith(prefix) or prefix.startswith(p) for p in self.program.shares):
            return self._ask("branches", prefix)
        return self.own.branches(prefix)

    def create_branch(self, branch: str, source: str) -> None:
        if self._shared(branch):
            self._ask("create_branch", branch, source)
        if self._written_here(branch):
            self.own.create_branch(branch, source)

    def delete_branch(self, branch: str) -> None:
        if self._shared(branch):
            self._ask("delete_branch", branch)
        else:
            self.own.delete_branch(branch)

    def tags(self, prefix: str = "") -> dict[str, str]:
        if prefix.startswith(names.VALIDATED_TAGS):
            return dict(self._kept)
        wanted = tuple(p for p in self.heeds if p.startswith(prefix)) or (
            (prefix,) if prefix.startswith(self.heeds) else ()
        )
        if self._seen is not None and not prefix:
            seen, self._seen = self._seen, None
            return seen
        return self._ask("tags", wanted) if wanted else {}

    def create_tag(self, tag: str, commit: str) -> None:
        if tag.startswith(names.VALIDATED_TAGS):
            # It keeps evidence and decides nothing: in the model somebody else was always first.
            self._kept[tag] = commit
            raise Conflict("the tag exists", where=tag)
        self._ask("create_tag", tag, commit)

    def delete_tag(self, tag: str) -> None:
        self._ask("delete_tag", tag)

    def read(self, ref: str, path: str) -> bytes:
        return self.own.read(ref, path) if self._here(ref) else self._ask("read", ref, path)

    def sha256(self, ref: str, path: str) -> str:
        return self.own.sha256(ref, path)

    def stat(self, ref: str, path: str) -> ObjectStat:
        return self.own.stat(ref, path)

    def list(self, ref: str, prefix: str = "") -> list[ObjectStat]:
        return self.own.list(ref, prefix)

    def write(self, branch: str, path: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        if self._written_here(branch):
            self._adopt(branch)
            self.own.write(branch, path, data, metadata)
        else:
            self._ask("write", branch, path, data)

    def remove(self, branch: str, paths: Sequence[str]) -> None:
        self.own.remove(branch, paths)

    def copy(self, branch: str, path: str, source: str, source_path: str) -> None:
        self.own.copy(branch, path, source, source_path)

    def commit(
        self, branch: str, message: str, metadata: Mapping[str, str], *, allow_empty: bool = False
    ) -> str:
        if not self._written_here(branch):
            return self._ask("commit", branch, message, dict(metadata))
        self._adopt(branch)
        made = self.own.commit(branch, message, metadata, allow_empty=allow_empty)
        return self._published(branch, made)

    def commit_tree(self, branch: str, source: str, message: str, metadata: Mapping[str, str]) -> str:
        return self._published(branch, self.own.commit_tree(branch, source, message, metadata))

    def _published(self, branch: str, commit: str) -> str:
        if self._shared(branch):
            self._ask("publish", branch, commit)
        return commit

    def diff(self, left: str, right: str, prefix: str = "") -> list[Change]:
        return self.own.diff(left, right, prefix)

    def merge(self, source: str, into: str, message: str, metadata: Mapping[str, str]) -> str:
        return self._ask("merge", source, into, message, dict(metadata))

    def protection(self) -> Protection:
        return self._ask("protection")

    def protect(self, patterns: Sequence[str], version: str) -> None:
        self._ask("protect", tuple(patterns), version)

    def hard_reset(self, branch: str, commit: str) -> None:
        # To a branch of its own: that is there for as long as nobody else knows of it.
        self._ask("hard_reset", branch, commit if self._shared(commit) else self.own._resolve(commit))

    def discard(self, branch: str) -> None:
        if self._written_here(branch):
            self.own.discard(branch)
        else:
            self._ask("discard", branch)

    def staged(self, branch: str) -> list[Change]:
        return self._ask("staged", branch) if branch == names.MAIN else self.own.staged(branch)
