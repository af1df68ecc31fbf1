"""Arrays of a model file are read as numpy reads them, or not at all."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlops.adapters.models.archive import Archive
from mlops.runs.errors import InputError

TYPES = st.sampled_from(["<f8", ">i4", "?", "<u2", "<U3", "S5", "<M8[ns]", "<m8[s]", "<f4"])


def npy(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version, allow_pickle=False)
    return file.getvalue()


def archive_of(member: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("1.npy", member)
    return file.getvalue()


@given(
    array=TYPES.flatmap(
        lambda kind: arrays.arrays(
            np.dtype(kind), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
        )
    ),
    fortran=st.booleans(),
    version=st.sampled_from([(1, 0), (2, 0)]),
)
def test_an_array_is_read_as_numpy_reads_it(
    array: np.ndarray, fortran: bool, version: tuple[int, int]
) -> None:
    written = npy(np.asfortranarray(array) if fortran else array, version)
    found = Archive(archive_of(written), "model.skops").arrays["1.npy"]
    expected = np.load(io.BytesIO(written), allow_pickle=False)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@given(cut=st.integers(0, 200), added=st.binary(max_size=3), at=st.integers(0, 127), byte=st.integers(0, 255))
def test_a_damaged_array_is_refused_or_still_promises_what_follows(
    cut: int, added: bytes, at: int, byte: int
) -> None:
    whole = bytearray(npy(np.arange(9.0).reshape(3, 3)))
    whole[at] = byte
    damaged = bytes(whole[:cut]) + added
    try:
        found = Archive(archive_of(damaged), "model.skops").arrays["1.npy"]
    except InputError:
        return
    assert found.tobytes() == np.load(io.BytesIO(damaged), allow_pickle=False).tobytes()


@pytest.mark.parametrize("length", [9_990, 60_000])
def test_a_header_is_read_up_to_a_bound(length: int) -> None:
    header = ("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }" + " " * length).encode() + b"\n"
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(InputError, match="cannot be opened as skops"):
        Archive(archive_of(member), "model.skops")
