"""The scenes of a plot: values that say what is tried or shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops.demo.broken import Breakage


@dataclass(frozen=True)
class Arrive:
    """Arrivals reach `main`."""

    arrivals: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A run makes a model, or rows where there is none, and it is judged.

    Attributes:
        label: What it is, for people.
        params: Its parameters, where they are not the defaults.
    """

    label: str
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class RaceOn:
    """An arrival reaches `main`, then two processes decide against the same champion and both promote.

    Attributes:
        arrival: What both train on, too.
        mine: Parameters of the model of this process.
        theirs: Parameters of the model of the other one.
    """

    arrival: str
    mine: Mapping[str, Any]
    theirs: Mapping[str, Any]


@dataclass(frozen=True)
class Broken:
    """An arrival is delivered in broken forms.

    Attributes:
        arrival: The arrival.
        breakages: The ways in which it is broken.
    """

    arrival: str
    breakages: tuple[Breakage, ...]


@dataclass(frozen=True)
class GoBack:
    """`main` goes back to an earlier promotion.

    Attributes:
        version: Version such as ``v2``; empty for the champion before.
    """

    version: str = ""


@dataclass(frozen=True)
class Audit:
    """All of `main` is proved again from the stored objects.

    Attributes:
        rescore: Whether models are scored again, too.
        rebuild: Whether processed rows are made again, too.
    """

    rescore: bool = True
    rebuild: bool = False


@dataclass(frozen=True)
class ListVersions:
    """All versions of the data are listed."""


@dataclass(frozen=True)
class ReadVersion:
    """The rows of a version are read in Python, and by their address with pandas alone.

    Attributes:
        version: Such as ``v2``.
    """

    version: str


@dataclass(frozen=True)
class ShowProfile:
    """The profile of the rows of a version is shown.

    Attributes:
        version: Such as ``v2``.
        column: Column whose histogram is shown.
    """

    version: str
    column: str


#: Scenes that change nothing: they show versions of the data.
ShowScene = ListVersions | ReadVersion | ShowProfile
Scene = Arrive | Candidate | RaceOn | Broken | GoBack | Audit | ShowScene


@dataclass(frozen=True)
class Chapter:
    """Scenes under a title."""

    title: str
    scenes: tuple[Scene, ...]


Plot = tuple[Chapter, ...]
