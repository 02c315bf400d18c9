"""Travel times on streets, in a straight line, and from files."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from demandgeo.deployment import read_times, travel_times
from demandgeo.domain import Grid, Network, Points
from demandgeo.errors import GeometryError, ModelError, SourceError

CRS = "EPSG:27700"


def streets(**columns):
    """Three streets in a row of 1, 2 and 1 km, the middle one one-way to the east."""
    lines = np.array([shapely.LineString([(a, 0), (b, 0)]) for a, b in ((0, 1000), (1000, 3000), (3000, 4000))])
    return Network.from_lines(lines, crs=CRS, **columns)


def one_way():
    net = streets()
    import dataclasses

    return dataclasses.replace(net, backward=np.array([True, False, True]))


ENDS = np.array([[0.0, 0.0], [4000.0, 0.0]])


def test_a_one_way_street_is_kept_by_car_and_not_on_foot():
    drive = np.asarray(travel_times(one_way(), ENDS, ENDS, profile="day"))
    assert drive[0, 1] == pytest.approx(4000 / (48 * 0.6 / 3.6), rel=1e-6)
    assert np.isinf(drive[1, 0])
    walk = np.asarray(travel_times(one_way(), ENDS, ENDS, profile="foot"))
    assert walk[1, 0] == walk[0, 1] == pytest.approx(4000 / (4.8 / 3.6), rel=1e-6)


def test_limits_classes_factors_and_profiles():
    day, night, blue = (
        np.asarray(travel_times(streets(), ENDS, ENDS, profile=p))[0, 1] for p in ("day", "night", "blue light")
    )
    assert day * 0.6 == pytest.approx(night * 0.8) == pytest.approx(blue * 0.9)
    assert np.asarray(travel_times(streets(), ENDS, ENDS, factor=1.0))[0, 1] == pytest.approx(4000 / (48 / 3.6))


def test_places_may_be_pairs_frames_points_or_units():
    net, pair = streets(), (ENDS[:, 0].copy(), ENDS[:, 1].copy())
    frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=gpd.points_from_xy(*pair), crs=CRS)
    made = [travel_times(net, given, ENDS) for given in (ENDS, pair, frame, Points.from_frame(frame))]
    assert all(np.array_equal(np.asarray(one), np.asarray(made[0])) for one in made)
    assert made[2].origins.ids == ("a", "b")
    grid = Grid.covering((0, -100, 4000, 100), cell=200, crs=CRS)
    assert travel_times(net, ENDS, grid).destinations.ids == tuple(map(str, grid.ids))


def test_a_destination_far_from_every_street_has_no_way_and_is_counted():
    matrix = travel_times(streets(), ENDS, np.array([[0.0, 5000.0], [0.0, 10.0]]))
    assert np.isinf(np.asarray(matrix)).tolist() == [[True, False], [True, False]]
    assert matrix.provenance["destinations_too_far_from_a_street"] == 1
    assert matrix.provenance["snap_greatest_m"] == pytest.approx(10.0)


def test_what_is_refused():
    with pytest.raises(GeometryError, match="1 origins lie more than 500 m"):
        travel_times(streets(), np.array([[0.0, 5000.0]]), ENDS)
    with pytest.raises(GeometryError, match="EPSG"):
        travel_times(streets(), Points(("a",), [0.0], [0.0], "EPSG:32631"), ENDS)
    with pytest.raises(ModelError, match="factor is 0"):
        travel_times(streets(), ENDS, ENDS, factor=0.0)
    with pytest.raises(ModelError, match="the shape"):
        travel_times(streets(), np.zeros((2, 3)), ENDS)
    with pytest.raises(ModelError, match="have no location"):
        travel_times(streets(), Points.numbered(2), ENDS)


def test_without_streets_the_result_says_so():
    matrix = travel_times(None, ENDS, ENDS)
    assert np.asarray(matrix)[0, 1] == pytest.approx(4000 * 1.3 / (40 / 3.6))
    assert matrix.summary()["method"] == "straight line x 1.3 at 40 km/h"
    with pytest.raises(ModelError, match=r"detour is 0\.5"):
        travel_times(None, ENDS, ENDS, detour=0.5)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_matrix_from_a_file(tmp_path, suffix):
    table = pd.DataFrame({"origin": ["b", "a", "a"], "destination": ["x", "x", "y"], "seconds": [3.0, 1.0, np.nan]})
    path = tmp_path / f"times{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    matrix = read_times(path)
    assert matrix.origins.ids == ("a", "b")
    assert np.asarray(matrix).tolist() == [[1.0, np.inf], [3.0, np.inf]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("origin,destination\na,b\n", "no column seconds"),
        ("origin,destination,seconds\n", "no rows"),
        ("origin,destination,seconds\na,b,1\na,b,2\n", "1 pairs stand twice"),
        ("origin,destination,seconds\na,b,-1\nb,b,soon\n", "2 times are negative or no numbers"),
    ],
)
def test_bad_files_are_refused(tmp_path, rows, message):
    path = tmp_path / "times.csv"
    path.write_text(rows)
    with pytest.raises(SourceError, match=message):
        read_times(path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_times(tmp_path / "none.csv")
