"""Parts of a table: every row is in one of them, and the rows of a key stay together."""

from __future__ import annotations

import pytest

from mlops.pipelines.songs import extract as songs
from mlops.pipelines.songs import synthetic as playlists
from mlops.pipelines.spotify_genre import extract as genres
from mlops.pipelines.spotify_genre import synthetic as tracks
from mlops.runs.errors import InputError

TABLES = {"songs": (songs, playlists), "spotify-genre": (genres, tracks)}


@pytest.mark.parametrize("name", TABLES)
class TestParts:
    def test_divide_a_file_by_their_column(self, name: str) -> None:
        extract, synthetic = TABLES[name]
        whole = extract.parse("tracks", synthetic.tracks())
        found = [extract.PARTS.select(arrival, "tracks", whole) for arrival in extract.PARTS.arrivals()]
        keys = [set(part[extract.PARTS.column]) for part in found]
        assert extract.PARTS.arrivals() == ("part-1", "part-2", "part-3", "part-4")
        assert sum(map(len, found)) == len(whole)
        assert min(map(len, found)) > 1_000
        assert len(set.union(*keys)) == sum(map(len, keys))

    def test_an_arrival_of_another_name_is_the_whole_file(self, name: str) -> None:
        extract, synthetic = TABLES[name]
        whole = extract.parse("tracks", synthetic.tracks())
        assert extract.PARTS.select("2024-01", "tracks", whole) is whole

    @pytest.mark.parametrize("arrival", ["part-0", "part-5", "part-01"])
    def test_one_that_there_is_not_is_refused(self, name: str, arrival: str) -> None:
        extract, synthetic = TABLES[name]
        with pytest.raises(InputError, match="there are part-1 to part-4"):
            extract.PARTS.select(arrival, "tracks", extract.parse("tracks", synthetic.tracks()))
        with pytest.raises(InputError, match="there are part-1 to part-4"):
            extract.extract(arrival)

    def test_one_without_rows_is_refused(self, name: str) -> None:
        extract, synthetic = TABLES[name]
        frame = extract.parse("tracks", synthetic.tracks()).head(1)
        elsewhere = extract.PARTS.of(frame[extract.PARTS.column].iloc[0]) % 4 + 1
        with pytest.raises(InputError, match=f"no rows of part-{elsewhere} among 1"):
            extract.PARTS.select(f"part-{elsewhere}", "tracks", frame)


def test_tables_of_the_same_keys_have_other_parts() -> None:
    assert any(songs.PARTS.of(key) != genres.PARTS.of(key) for key in "abcdefgh")
