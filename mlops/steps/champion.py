"""The champion's model, loaded by the lake alone: `main`, its record, the digests, then the checked file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.adapters.lake import credentials, uri
from mlops.adapters.models import saved_files
from mlops.pipelines import pipeline
from mlops.runs import names
from mlops.runs.errors import ConfigError, Corrupt
from mlops.runs.promotion.promoted import Promoted, Verify, current, numbered
from mlops.runs.record.promotion import signed_by
from mlops.runs.records import Champion, ObjectRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.adapters.lake.credentials import Credentials
    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.runs.saved_types import SavedType
    from mlops.settings import Settings


@dataclass(frozen=True)
class LoadedChampion:
    """A promoted model that was loaded.

    Attributes:
        model: The fitted scikit-learn estimator.
        number: Its promotion's number.
        commit: The commit of `main` that holds it.
        champion: Its record.
    """

    model: Any
    number: int
    commit: str
    champion: Champion


def open_champion(
    name: str,
    *,
    number: int | None = None,
    settings: Settings | None = None,
    verify: Verify | None = None,
) -> LoadedChampion:
    """Load what `main` of a pipeline serves now, or a certain promotion; MLflow is not asked.

    Args:
        name: The pipeline.
        number: Which promotion; None for the champion.
        settings: Where the lake is; None for what the command line would use.
        verify: What vouches for the promotion before anything of it is read; None for its signed statement,
            by the trusted keys of the settings.

    Raises:
        MlopsError: As for `mlops.load_champion`.
    """
    spec = pipeline(name)
    if not spec.has_model:
        raise ConfigError(
            "the pipeline holds data alone and has no model", where=name, todo=f"mlops.load({name!r})"
        )
    lake, verify = open_lake(spec.name, settings, verify)
    found = current(lake, verify) if number is None else numbered(lake, number, verify)
    model = promoted_model(lake, found, spec.trusted_types)
    return LoadedChampion(model, found.champion.number, found.commit.id, found.champion)


def open_lake(repository: str, settings: Settings | None, verify: Verify | None) -> tuple[LakeFSLake, Verify]:
    """Return a repository and what vouches for its promotions, found as the command line finds them."""
    from mlops.adapters.lake.lake import LakeFSLake, connect
    from mlops.adapters.record import signing

    chosen = settings or _settings()
    lake = LakeFSLake(connect(_credentials(chosen), timeout_s=chosen.lake_timeout_s), repository)
    return lake, verify or signed_by(signing.load_trusted(chosen.trusted_folder))


def promoted_model(lake: LakeFSLake, promoted: Promoted, trusted: Sequence[SavedType]) -> Any:
    """Return the model of a promotion.

    Raises:
        Corrupt: The promotion has no model, or its bytes are not the recorded ones.
        InputError: The model holds something that its pipeline does not trust.
    """
    objects = promoted.objects(names.MODEL)
    if not objects:
        raise Corrupt(
            "records no model", where=f"promotion {promoted.champion.number}", todo="run `mlops audit`"
        )
    return model_at(lake, promoted.commit.id, objects, trusted)


def model_at(
    lake: LakeFSLake,
    commit: str,
    objects: Sequence[ObjectRecord],
    trusted: Sequence[SavedType],
    prefix: str = names.MODEL,
) -> Any:
    """Return the model that a commit holds below ``model/``, or below a folder of it for an earlier period.

    Args:
        lake: The repository.
        commit: The commit.
        objects: What its files are on record to be.
        trusted: What the pipeline's models may hold.
        prefix: Where the model is; models of earlier periods are no part of the promoted one.

    Raises:
        Corrupt: The bytes are not the recorded ones.
        InputError: The model holds something that is not trusted.
    """
    own = files_of_model(objects, prefix)
    with tempfile.TemporaryDirectory() as folder:
        for record in own:
            # The record names paths; one that climbs out of the folder is not followed.
            lake.download(commit, record.path, Path(folder) / uri.check_path(record.path))
        return saved_files.load(Path(folder) / prefix.rstrip("/"), below(prefix, own), trusted)


def files_of_model(objects: Sequence[ObjectRecord], prefix: str = names.MODEL) -> list[ObjectRecord]:
    """Return the records of one model's files; models of earlier periods are no part of the promoted one."""
    return [
        o
        for o in objects
        if o.path.startswith(prefix) and (prefix != names.MODEL or not o.path.startswith(names.FOLDS))
    ]


def below(prefix: str, objects: Sequence[ObjectRecord]) -> tuple[ObjectRecord, ...]:
    """Return records with paths relative to a prefix."""
    return tuple(
        ObjectRecord(o.path.removeprefix(prefix), o.size_bytes, o.checksum, o.sha256) for o in objects
    )


def _settings() -> Settings:
    from mlops import settings

    return settings.load()


def _credentials(settings: Settings) -> Credentials:
    """Return address and key as the command line finds them, else as lakectl does."""
    try:
        return settings.lake_credentials()
    except ConfigError:
        if settings.lakectl_file.exists():
            raise
        return credentials.discover(state_dir=settings.state_dir)
