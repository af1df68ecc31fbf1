"""Look a pipeline up by its name: import its specification, and check that it may be used."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.pipelines.registry import project
from mlops.pipelines.registry.declarations import Declaration, declarations, project_problem
from mlops.pipelines.registry.packages import PROGRAM, CodePackage, package_of
from mlops.runs.errors import ConfigError, MlopsError
from mlops.runs.saved_types import LIBRARIES, outside_of, parsed_of

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec

EXPECTATIONS = "expectations"

#: Name to the specification that was looked up last, and its code.
_known: dict[str, tuple[PipelineSpec, CodePackage]] = {}


def pipeline_names() -> list[str]:
    """Return the names of all declared pipelines, ascending; nothing is imported."""
    return sorted({one.name for one in _declared()})


def declaration_of(name: str) -> Declaration:
    """Return where a pipeline is declared.

    Raises:
        ConfigError: It is declared nowhere, twice, or in a way that cannot be used.
    """
    found = [one for one in _declared() if one.name == name]
    # Whoever can place a file above the current folder must not make an installed pipeline unusable.
    usable = [one for one in found if one.refused is None]
    if not found:
        raise _unknown(name)
    if not usable:
        assert found[0].refused is not None  # noqa: S101  (it is what made it unusable)
        raise found[0].refused
    first, *others = usable
    for other in others:
        if not _same(first, other):
            raise ConfigError(
                f"two pipelines have this name: {first.target} ({first.place}) and "
                f"{other.target} ({other.place})",
                where=name,
                todo="rename one of them",
            )
    return usable[-1]


def pipeline(name: str) -> PipelineSpec:
    """Return the pipeline of that name.

    Raises:
        ConfigError: There is none, its declaration is wrong, it cannot be imported, or its models may hold
            something that is neither of a known library nor its own.
    """
    declared = declaration_of(name)
    spec = _imported(declared)
    code = package_of(declared.module, declared.distribution)
    _check(spec, declared, code)
    _known[name] = (spec, code)
    return spec


def usable_pipelines() -> tuple[list[PipelineSpec], list[MlopsError]]:
    """Return all pipelines that can be loaded, ascending by name, and why the others cannot."""
    specs: list[PipelineSpec] = []
    problems: list[MlopsError] = []
    unreadable = project_problem(_here())
    if unreadable is not None:
        problems.append(unreadable)
    for name in pipeline_names():
        try:
            specs.append(pipeline(name))
        except MlopsError as error:
            problems.append(error)
    return specs, problems


def code_of(spec: PipelineSpec) -> CodePackage:
    """Return the code that is a pipeline's own.

    A specification that was not looked up, such as a test's, owns the package that defines its parameters.
    """
    known = _known.get(spec.name)
    if known is not None and known[0] is spec:
        return known[1]
    return package_of(spec.params.__module__)


def outside_code_of(spec: PipelineSpec) -> CodePackage | None:
    """Return the code of a pipeline that was declared outside this program; None for any other one."""
    known = _known.get(spec.name)
    if known is None or known[0] is not spec or known[1].name.partition(".")[0] == PROGRAM:
        return None
    return known[1]


def expectations_of(name: str) -> Path | None:
    """Return the folder with suites, policy and holdout rule of a pipeline; None for a built-in one.

    A project keeps them in ``expectations/<name>/``. Where it does not, and for an installed package, they
    are package data: ``expectations/<name>/`` in the package, or ``expectations/`` where that is absent.
    """
    declared = declaration_of(name)
    if declared.built_in:
        return None
    if declared.project is not None:
        folder = declared.project / EXPECTATIONS / name
        if folder.is_dir():
            return folder
    pipeline(name)
    path = _known[name][1].path
    packaged = (path.parent if path.is_file() else path) / EXPECTATIONS
    return packaged / name if (packaged / name).is_dir() else packaged


def _declared() -> list[Declaration]:
    from mlops.pipelines import PIPELINES

    return declarations(PIPELINES, _here())


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # the folder has been deleted
        return None


def _unknown(name: str) -> ConfigError:
    problem = project_problem(_here())
    return ConfigError(
        f"no such pipeline; there are {', '.join(pipeline_names())}",
        where=name,
        todo=f"the project's file cannot be used: {problem}" if problem is not None else "",
    )


def _same(one: Declaration, other: Declaration) -> bool:
    """Return whether a distribution and a project declare one specification, being the same files."""
    if one.target != other.target or one.built_in or other.project is None:
        return False
    try:
        project.make_importable(other.module, other.project, other.place)
    except ConfigError:
        return False
    return True


def _imported(declared: Declaration) -> PipelineSpec:
    from mlops.pipelines.spec import PipelineSpec

    if declared.project is not None:
        project.make_importable(declared.module, declared.project, declared.place)
        folder = declared.project / EXPECTATIONS / declared.name
        if folder.is_dir():
            project.check_owned_below(folder)
    try:
        module = importlib.import_module(declared.module)
    except MlopsError as error:
        raise _failed(declared, error, f"{error}") from error
    # A module is whatever its author wrote, and may fail in any way, or try to end the process.
    except (Exception, SystemExit) as error:
        raise _failed(declared, error, f"{type(error).__name__}: {error}") from error
    found = getattr(module, declared.attribute, None)
    if not isinstance(found, PipelineSpec):
        kind = "there is no such attribute" if found is None else f"it is a {type(found).__name__}"
        raise ConfigError(
            f"{declared.name} = {declared.target!r} must name a PipelineSpec; {kind}", where=declared.place
        )
    return found


def _failed(declared: Declaration, error: BaseException, what: str) -> ConfigError:
    """Return one line: which pipeline, where it is declared, and what failed at which line."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if "importlib" not in frame.filename), None)
    at = f" ({last.filename}:{last.lineno})" if last is not None and last.filename != __file__ else ""
    return ConfigError(
        f"the pipeline {declared.name} cannot be imported from {declared.module}: {what}{at}",
        where=declared.place,
        todo="correct the module or the entry; other pipelines are not affected",
    )


def _check(spec: PipelineSpec, declared: Declaration, code: CodePackage) -> None:
    if spec.name != declared.name:
        raise ConfigError(
            f"the pipeline is declared as {declared.name}, but its specification has the name {spec.name}",
            where=declared.place,
            todo="give both the same name",
        )
    strange = outside_of(spec.trusted_types, code.name)
    if strange:
        raise ConfigError(
            f"the pipeline {spec.name} trusts types that are neither of {', '.join(LIBRARIES)} nor of its "
            f"own package {code.name}: {', '.join(strange)}",
            where="trusted_types",
            todo=_instead(strange),
        )


def _instead(strange: Sequence[str]) -> str:
    parsed = parsed_of(strange)
    if not parsed:
        return "move them into the package, or choose other types"
    library = parsed[0].partition(".")[0]
    return (
        f"a model of {library} is parsed by compiled code that cannot be given a damaged one; choose "
        "HistGradientBoostingRegressor or HistGradientBoostingClassifier of scikit-learn"
    )
