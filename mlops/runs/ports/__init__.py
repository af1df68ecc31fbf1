"""The dependencies of the core as protocols: lake, experiment tracker, judge, clock and processes.

Adapters implement them, and tests have one of each in memory. Everything but the embedded server and the
front door may import it; it imports values of the core alone. Start with `lake`, then `bundle`, which is what
operations take.
"""

from mlops.runs.ports.bundle import Ports
from mlops.runs.ports.judge import Evaluation, Judge
from mlops.runs.ports.lake import Change, Commit, Lake, ObjectStat, Protection, PullRequest
from mlops.runs.ports.machine import Author, Clock, Processes
from mlops.runs.ports.tracker import Tracker

__all__ = [
    "Author",
    "Change",
    "Clock",
    "Commit",
    "Evaluation",
    "Judge",
    "Lake",
    "ObjectStat",
    "Ports",
    "Processes",
    "Protection",
    "PullRequest",
    "Tracker",
]
