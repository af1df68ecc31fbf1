"""IO managers for tables, JSON, text, arrays and scikit-learn models. None of them uses pickle."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic import Field

from mlops.orchestration.lake.errors import StorageError, ValueRefused
from mlops.orchestration.lake.managers import StoredIOManager, refused
from mlops.orchestration.lake.values import Content

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetIOManager(StoredIOManager):
    """Tables of pandas, pyarrow or polars as Parquet.

    A table is loaded as the type that the argument is annotated with, whichever library wrote it; as a
    `pandas.DataFrame` where it has no annotation.
    """

    compression: str = Field(default="zstd", description="Codec of Parquet, such as zstd, snappy or none")

    def extension(self) -> str:
        """Return ``.parquet``."""
        return ".parquet"

    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write a table."""
        import pyarrow.parquet as pq

        pq.write_table(_arrow_table(value), file, compression=self.compression)

    def load(self, content: Content, wanted: Any) -> Any:
        """Return a table of the type that is wanted."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(pa.py_buffer(content)))
        except pa.ArrowInvalid as error:
            raise StorageError(f"the stored bytes are no Parquet file: {error}") from None
        return _as_wanted(table, wanted)


def _arrow_table(value: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    for library in ("pandas", "polars"):
        frame = getattr(sys.modules.get(library), "DataFrame", None)
        if frame is not None and isinstance(value, frame):
            return pa.Table.from_pandas(value) if library == "pandas" else value.to_arrow()
    raise refused(value, "tables of pandas, pyarrow or polars")


def _as_wanted(table: pa.Table, wanted: Any) -> Any:
    import pyarrow as pa

    if wanted is pa.Table:
        return table
    polars = sys.modules.get("polars")
    if polars is not None and wanted is polars.DataFrame:
        return polars.from_arrow(table)
    if polars is not None and wanted is polars.LazyFrame:
        return polars.from_arrow(table).lazy()
    return table.to_pandas()


class JSONIOManager(StoredIOManager):
    """Values of dictionaries with text keys, lists, text, finite numbers, booleans and None, as JSON."""

    def extension(self) -> str:
        """Return ``.json``."""
        return ".json"

    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write a value that comes back equal."""
        try:
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueRefused(f"this value cannot be JSON: {error}") from None
        # A tuple would come back as a list, and a number as key as text.
        if json.loads(text) != value:
            raise ValueRefused("this value would not come back equal from JSON: use lists, and text as keys")
        file.write(text.encode("utf-8", "surrogatepass"))

    def load(self, content: Content, wanted: Any) -> Any:
        """Return the value."""
        del wanted
        return json.loads(bytes(content).decode("utf-8", "surrogatepass"))


class TextIOManager(StoredIOManager):
    """Text as UTF-8, every line ending as it was."""

    suffix: str = Field(default=".txt", pattern=r"^\.\w+$", description="Extension of files, such as .md")

    def extension(self) -> str:
        """Return the configured extension."""
        return self.suffix

    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write text."""
        if not isinstance(value, str):
            raise refused(value, "text")
        try:
            file.write(value.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise ValueRefused(f"this text has no form in UTF-8: {error.reason}") from None

    def load(self, content: Content, wanted: Any) -> str:
        """Return the text."""
        del wanted
        return bytes(content).decode("utf-8")


class NumPyIOManager(StoredIOManager):
    """Arrays of NumPy in its own format; arrays of Python objects, which need pickle, are refused."""

    def extension(self) -> str:
        """Return ``.npy``."""
        return ".npy"

    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write an array."""
        import numpy as np

        if not isinstance(value, np.ndarray):
            raise refused(value, "arrays of NumPy")
        if value.dtype.hasobject:
            raise ValueRefused("an array of Python objects can only be stored as pickle: give it a dtype")
        np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)

    def load(self, content: Content, wanted: Any) -> Any:
        """Return the array."""
        import numpy as np

        del wanted
        return np.load(io.BytesIO(content), allow_pickle=False)


class SklearnIOManager(StoredIOManager):
    """Fitted scikit-learn estimators in skops' format.

    Only types that skops trusts by itself and those of `trusted_types` are written and loaded. A file holds
    the names of its types, so that a foreign file could ask for any: extend the list for types that you know,
    never by what a file asks for.
    """

    trusted_types: list[str] = Field(default_factory=list, description="Types to trust, by full name")

    def extension(self) -> str:
        """Return ``.skops``."""
        return ".skops"

    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write an estimator that can be loaded again with the same configuration."""
        from skops import io as skops_io

        content = skops_io.dumps(value)
        self._check(content)
        file.write(content)

    def load(self, content: Content, wanted: Any) -> Any:
        """Return the estimator."""
        from skops import io as skops_io

        del wanted
        self._check(content)
        return skops_io.loads(bytes(content), trusted=self.trusted_types)

    def _check(self, content: Content) -> None:
        from skops import io as skops_io

        found = set(skops_io.get_untrusted_types(data=bytes(content))) - set(self.trusted_types)
        if found:
            raise ValueRefused(f"the model holds types outside `trusted_types`: {', '.join(sorted(found))}")
