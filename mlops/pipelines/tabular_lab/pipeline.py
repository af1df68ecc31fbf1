"""The specification of the tabular-lab pipeline."""

from __future__ import annotations

from mlops.pipelines.sources import FunctionSource
from mlops.pipelines.spec import data_only
from mlops.pipelines.tabular_lab.customers import KEY, TIME, customers
from mlops.pipelines.tabular_lab.designs import DESIGNS, TABLE, extract, parse
from mlops.pipelines.tabular_lab.params import Params

SPEC = data_only(
    name="tabular-lab",
    title="Versions of a synthetic table of customers",
    tables=(TABLE,),
    key=KEY,
    table_keys={TABLE: ("segment",)},
    params=Params,
    source=lambda _options: FunctionSource(lambda: tuple(DESIGNS), extract),
    parse=parse,
    rows=customers,
    time=TIME,
)
