"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.measuring import MIB


@dataclass(frozen=True)
class Scale:
    """Sizes and repetitions.

    Attributes:
        repetitions: Of everything that is compared.
        few_objects: Objects of a small repository.
        rollback_objects: Objects of the large one that is rolled back.
        many_objects: Objects of the large one that is branched.
        file_bytes: Size of the file that is sent and fetched.
        audited_promotions: Small promotions that are audited.
        large_promotions: Promotions of the size of a month of flights that are audited.
        table_rows: Rows of the table that is stored and loaded.
    """

    repetitions: int = 5
    few_objects: int = 1_000
    rollback_objects: int = 20_000
    many_objects: int = 100_000
    file_bytes: int = 1024 * MIB
    audited_promotions: int = 1_000
    large_promotions: int = 12
    table_rows: int = 500_000


FULL = Scale()
#: For whoever works on the benchmark itself.
QUICK = Scale(
    repetitions=2,
    rollback_objects=3_000,
    many_objects=5_000,
    file_bytes=64 * MIB,
    audited_promotions=20,
    large_promotions=4,
    table_rows=100_000,
)
