"""Grids, zones and neighbours: every point in one unit, every square metre counted once."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate

from demandgeo.domain import Grid, Labels, Neighbours, Support, Zones, check_same_crs, metric_crs
from demandgeo.errors import GeometryError, ModelError
from tests.domain.strategies import CRS, floats, grids, neighbours, zones

SQUARE = shapely.box(0, 0, 100, 100)


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([shapely.box(*corner) for corner in corners], dtype=object)


def texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=np.str_)


def problems_of(caught) -> list[str]:
    return [str(problem) for problem in caught.value.problems]


# Coordinate systems


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("", "has no CRS"),
        ("EPSG:4326", "WGS 84, which is not projected and whose unit is the degree"),
        ("EPSG:4978", "not projected"),
        ("EPSG:2263", "US survey foot"),
        ("EPSG:3857", "Web Mercator"),
        ("ESRI:102100", "Web Mercator"),
        ("EPSG:99999", "names no coordinate reference system"),
        ("nonsense", "names no coordinate reference system"),
    ],
)
def test_what_is_not_in_metres_of_the_ground_is_refused(crs, message):
    with pytest.raises(GeometryError, match=message):
        metric_crs(crs)


def test_every_spelling_of_a_crs_is_one_crs():
    import pyproj

    national = pyproj.CRS.from_epsg(27700)
    for spelling in ("EPSG:27700", "epsg:27700", national.to_wkt("WKT1_ESRI"), national.to_wkt(), "EPSG:7405"):
        assert metric_crs(spelling) == "EPSG:27700"
    check_same_crs("EPSG:27700", national.to_wkt(), first_name="a", second_name="b")
    with pytest.raises(GeometryError, match="events is in EPSG:27700, the grid in EPSG:32630"):
        check_same_crs("EPSG:27700", "EPSG:32630", first_name="events", second_name="the grid")


# Grids


@st.composite
def study_areas(draw) -> Zones:
    """Zones cut from a jagged star by lines, with districts: holes, slivers and points off every cell's edge."""
    n = draw(st.integers(5, 12))
    angle = np.sort(draw(floats(n, st.floats(0, 2 * np.pi))))
    reach = draw(floats(n, st.floats(200, 5000)))
    east, north = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    # To the centimetre, as boundaries are: a needle thinner than rounding has no area in any cell.
    rim = np.column_stack([east + reach * np.cos(angle), north + reach * np.sin(angle)]).round(2)
    star = shapely.Polygon(rim)
    star = shapely.make_valid(star, method="structure", keep_collapsed=False)
    halves = [shapely.box(east + left, north - 9e3, east + right, north + 9e3) for left, right in ((-9e3, 0), (0, 9e3))]
    parts = [part for part in shapely.intersection(star, halves) if shapely.area(part) > 1]
    parts = [part for part in parts if part.geom_type in ("Polygon", "MultiPolygon")]
    if not parts:
        parts = [shapely.box(east, north, east + 300, north + 300)]
    group = Labels.of(["west", "east"][: len(parts)])
    return Zones(np.array(parts, dtype=object), np.array(["a", "b"][: len(parts)]), CRS, group=group)


@given(study_areas(), st.sampled_from([100.0, 250.0, 333.3, (150.0, 400.0), 20_000.0]))
def test_the_extents_of_a_grid_sum_to_the_study_area(area, cell):
    grid = Grid.over(area, cell=cell)
    assert grid.extent.sum() == pytest.approx(shapely.area(area.outline()), rel=1e-9)
    west, south, east, north = shapely.bounds(area.outline())
    assert grid.bounds[0] <= west
    assert grid.bounds[1] <= south
    assert grid.bounds[2] >= east
    assert grid.bounds[3] >= north


@given(study_areas(), st.sampled_from([100.0, 250.0, (150.0, 400.0)]))
def test_the_cells_of_a_grid_equal_their_naive_twin(area, cell):
    grid = Grid.over(area, cell=cell)
    outline = area.outline()
    rows, columns = grid.shape
    expected = {}
    for row in range(rows):
        for column in range(columns):
            west, north = grid.x0 + column * grid.dx, grid.y0 - row * grid.dy
            box = shapely.box(west, north - grid.dy, west + grid.dx, north)
            # Near the origin, where clipping a thread of land loses nothing to the size of its coordinates.
            cell_there, land = (translate(shape, -grid.x0, -grid.y0) for shape in (box, outline))
            part = shapely.area(cell_there.intersection(land))
            if part > 0:
                expected[row * columns + column] = part
    assert grid.ids.tolist() == list(expected)
    assert grid.extent == pytest.approx(np.array(list(expected.values())), rel=1e-9)


@given(study_areas(), st.data())
def test_each_point_of_the_study_area_is_in_exactly_one_cell(area, data):
    grid = Grid.over(area, cell=250)
    outline = area.outline()
    vertices = shapely.get_coordinates(outline)
    inside = shapely.get_coordinates(
        shapely.points([shapely.point_on_surface(part).coords[0] for part in area.polygons])
    )
    x, y = np.vstack([vertices, inside]).T
    unit = grid.locate(x, y)
    cells = grid.geometry()
    # A vertex may lie on a corner of cells that the area does not enter: then on the edge of one that it does.
    assert (unit >= 0).all()
    assert shapely.intersects_xy(shapely.buffer(cells[unit], 1e-6), x, y).all()


@given(grids(), st.data())
def test_locate_equals_its_naive_twin(grid, data):
    west, _, _, north = grid.bounds
    steps = st.integers(-1, 9)
    x = west + np.array(data.draw(st.lists(steps, min_size=5, max_size=5))) * grid.dx / 2
    y = north - np.array(data.draw(st.lists(steps, min_size=5, max_size=5))) * grid.dy / 2
    cells = grid.geometry()
    for px, py, unit in zip(x, y, grid.locate(x, y), strict=True):
        touched = np.flatnonzero(shapely.distance(cells, shapely.Point(px, py)) < 1e-6)
        assert (unit in touched) if touched.size else unit == -1


def test_a_point_on_an_edge_is_in_the_cell_to_the_south_east_while_there_is_one():
    grid = Grid.covering((0, 0, 200, 200), cell=100, crs=CRS)
    x, y = np.meshgrid([0.0, 100.0, 200.0], [200.0, 100.0, 0.0])
    assert grid.locate(x.ravel(), y.ravel()).tolist() == [0, 1, 1, 2, 3, 3, 2, 3, 3]
    assert grid.locate(np.array([np.nan, np.inf, -1e-9, 200.001]), np.full(4, 50.0)).tolist() == [-1] * 4


def test_a_cell_has_the_district_of_its_centre_else_that_of_its_greatest_overlap():
    # Cell 0 (0..100) has its centre in a; the cell 100..200 has its centre in no zone: b holds 10 x 100 m2 of it in
    # one zone, c 6 x 100 m2 in each of two, so c wins though b's zone is the largest.
    polygons = boxes((0, 0, 110, 100), (170, 0, 176, 100), (176, 0, 182, 100), (190, 0, 200, 100))
    area = Zones(polygons, texts("z1", "z2", "z3", "z4"), CRS, group=Labels.of(["b", "c", "c", "b"]))
    grid = Grid.over(Zones(polygons[1:], texts("z2", "z3", "z4"), CRS, group=Labels.of(["c", "c", "b"])), cell=100)
    assert list(grid.group) == ["c"]
    assert list(Grid.over(area, cell=100).group) == ["b", "b"]
    assert Grid.over(Zones(polygons, texts("z1", "z2", "z3", "z4"), CRS), cell=100).group is None


def test_a_cell_whose_zone_has_no_district_has_none():
    area = Zones(boxes((0, 0, 100, 100), (100, 0, 200, 100)), texts("a", "b"), CRS, group=Labels.of([None, "x"]))
    assert list(Grid.over(area, cell=100).group) == [None, "x"]


def test_every_broken_rule_of_a_grid_is_listed():
    with pytest.raises(ModelError) as caught:
        Grid(np.nan, 0.0, -1.0, 100.0, np.ones(3, bool), np.array([0.0]), CRS, Labels.of(["a"]))
    text = "\n".join(problems_of(caught))
    for part in (
        "the cell is -1.0 x 100.0",
        "the corner is nan",
        "1 dimensions",
        "1 extents for 3 cells",
        "(0, cell area]",
        "1 districts",
    ):
        assert part in text


def test_a_grid_that_is_a_slip_is_refused():
    with pytest.raises(ModelError, match="look for a stray boundary"):
        Grid.covering((0, 0, 7e5, 1.2e6), cell=1, crs=CRS)
    for cell in (0.0, -250.0, np.nan, np.inf, (250.0, 0.0)):
        with pytest.raises(ModelError, match="sides > 0"):
            Grid.covering((0, 0, 1000, 1000), cell=cell, crs=CRS)
    with pytest.raises(ModelError, match="no cell lies inside"):
        Grid(0.0, 0.0, 1.0, 1.0, np.zeros((2, 2), bool), np.array([]), CRS)


@given(grids(), st.data())
def test_a_raster_holds_the_values_where_the_cells_are(grid, data):
    values = data.draw(floats(grid.n))
    raster = grid.to_raster(values)
    assert np.array_equal(raster[grid.inside], values)
    assert np.isnan(raster[~grid.inside]).all()
    x, y = grid.centres()
    assert np.array_equal(values[grid.locate(x, y)], values)
    assert np.array_equal(grid.unit_at()[grid.inside], np.arange(grid.n))


# Zones


@given(zones(), st.data())
def test_a_point_is_in_the_zone_of_the_lowest_code_that_touches_it(area, data):
    corners = shapely.get_coordinates(area.polygons)
    pick = data.draw(st.lists(st.integers(0, len(corners) - 1), min_size=1, max_size=6))
    x = np.append(corners[pick, 0] + data.draw(st.sampled_from([0.0, 10.0])), np.nan)
    y = np.append(corners[pick, 1] + data.draw(st.sampled_from([0.0, -10.0])), np.nan)
    expected = []
    for px, py in zip(x, y, strict=True):
        holders = [row for row, polygon in enumerate(area.polygons) if polygon.intersects(shapely.Point(px, py))]
        expected.append(min(holders, default=-1))
    assert area.locate(x, y).tolist() == expected


def test_zones_stand_in_the_order_of_their_codes_with_all_their_columns():
    polygons, group = boxes((0, 0, 1, 1), (1, 0, 2, 1)), Labels.of(["y", "x"])
    area = Zones(polygons, texts("b", "a"), CRS, texts("Bee", "Ay"), np.array([2.0, np.nan]), group)
    assert area.ids.tolist() == ["a", "b"]
    assert area.names.tolist() == ["Ay", "Bee"]
    assert list(area.group) == ["x", "y"]
    assert area.population[1] == 2.0
    assert shapely.bounds(area.polygons[0])[0] == 1.0
    assert area.index_of(Labels.of(["b", None, "c", "a"])).tolist() == [1, -1, -1, 0]
    frame = area.to_frame()
    assert list(frame.columns) == ["id", "name", "area_km2", "district", "population", "geometry"]
    assert frame.crs == CRS


def test_every_broken_rule_of_zones_is_listed():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    with pytest.raises(ModelError) as caught:
        Zones(
            np.array([SQUARE, SQUARE, bow, shapely.Point(1, 1), None], dtype=object),
            texts("a", "a", "b", "c", ""),
            CRS,
            population=np.array([1.0, 2.0, -3.0, np.inf, 0.0]),
        )
    assert len(problems_of(caught)) == 7
    for part in ("zone a stands twice", "zone b is no valid", "zone c is no valid", "no id", "zone b has a population"):
        assert part in str(caught.value)
    with pytest.raises(ModelError) as caught:
        Zones(
            boxes((0, 0, 1, 1)), texts("a", "b"), CRS, names=texts("x", "y"), population=np.ones(3), group=Labels.of([])
        )
    assert len(problems_of(caught)) == 4
    with pytest.raises(ModelError, match="there is no zone"):
        Zones(np.array([], dtype=object), texts(), CRS)


def test_zones_that_overlap_are_refused_and_slivers_are_not():
    with pytest.raises(GeometryError, match=r"zones a and b overlap by 1,000 m2"):
        Zones(boxes((0, 0, 100, 100), (90, 0, 190, 100)), texts("a", "b"), CRS)
    sliver = Zones(boxes((0, 0, 100, 100), (99.95, 0, 199.95, 100)), texts("b", "a"), CRS)
    assert sliver.ids[sliver.locate(np.array([99.97]), np.array([50.0]))].tolist() == ["a"]


def test_zones_from_a_frame_name_what_is_missing():
    frame = gpd.GeoDataFrame({"code": ["a", None]}, geometry=boxes((0, 0, 1, 1), (1, 0, 2, 1)), crs=CRS)
    with pytest.raises(ModelError, match=r"row 1 has no code"):
        Zones.from_frame(frame, id="code")
    with pytest.raises(ModelError) as caught:
        Zones.from_frame(frame, id="cod", population="persons")
    assert "no column 'cod'; did you mean \"code\"?" in str(caught.value)
    assert "no column 'persons'" in str(caught.value)
    with pytest.raises(GeometryError, match="no CRS"):
        Zones.from_frame(frame.iloc[:1].set_crs(None, allow_override=True), id="code")


# Neighbours


@given(zones(), st.sampled_from(["rook", "queen"]))
def test_zones_are_neighbours_as_their_naive_twin_says(area, contiguity):
    found = area.neighbours(contiguity)
    for i in range(area.n):
        expected = {}
        for j in range(area.n):
            border = area.polygons[i].boundary.intersection(area.polygons[j].boundary)
            if i != j and (border.length > 0 or (contiguity == "queen" and not border.is_empty)):
                expected[j] = border.length
        part = slice(found.indptr[i], found.indptr[i + 1])
        assert found.indices[part].tolist() == list(expected)
        assert found.weight[part] == pytest.approx(list(expected.values()))


@given(grids(), st.sampled_from(["rook", "queen"]))
def test_cells_are_neighbours_as_their_naive_twin_says(grid, contiguity):
    found = grid.neighbours(contiguity)
    row, column = np.divmod(grid.ids, grid.shape[1])
    for i in range(grid.n):
        down, across = np.abs(row - row[i]), np.abs(column - column[i])
        near = down + across == 1 if contiguity == "rook" else np.maximum(down, across) == 1
        part = slice(found.indptr[i], found.indptr[i + 1])
        expected = np.flatnonzero(near)
        assert found.indices[part].tolist() == expected.tolist()
        length = np.where(down + across == 2, 0.0, np.where(down == 0, grid.dy, grid.dx))
        assert found.weight[part].tolist() == length[expected].tolist()


@given(neighbours())
def test_neighbours_are_symmetric_and_islands_are_explicit(found):
    dense = np.full((len(found), len(found)), -1.0)
    dense[found.rows, found.indices] = found.weight
    assert np.array_equal(dense, dense.T)
    assert found.islands.tolist() == np.flatnonzero((dense < 0).all(axis=1)).tolist()


@pytest.mark.parametrize(
    ("indptr", "indices", "weight", "message"),
    [
        ([], [], [], "indptr"),
        ([1, 2], [0], [1.0], "indptr"),
        ([0, 2, 1], [1], [1.0], "indptr"),
        ([0, 1, 2], [1, 0], [1.0], "1 weights for 2 neighbours"),
        ([0, 1, 2], [1, 2], [1.0, 1.0], "names no unit"),
        ([0, 2, 3, 4], [2, 1, 0, 0], [1.0] * 4, "ascending"),
        ([0, 1, 2], [0, 0], [1.0] * 2, "its own neighbour"),
    ],
)
def test_neighbours_that_break_a_rule_are_refused(indptr, indices, weight, message):
    with pytest.raises(ModelError, match=message):
        Neighbours(np.array(indptr, np.int64), np.array(indices, np.int64), np.array(weight))


def test_an_unknown_contiguity_is_refused():
    for support in (Grid.covering((0, 0, 1, 1), cell=1, crs=CRS), Zones(boxes((0, 0, 1, 1)), texts("a"), CRS)):
        with pytest.raises(ModelError, match="'bishop'"):
            support.neighbours("bishop")


@given(grids() | zones())
def test_every_support_keeps_the_promises_of_a_support(support: Support):
    assert len(support.ids) == len(set(support.ids.tolist())) == support.n == len(support.extent)
    assert (support.extent > 0).all()
    assert len(support.geometry()) == len(support.neighbours()) == len(support.to_frame()) == support.n
    assert support.to_frame().crs == support.crs
    assert support.to_frame()["area_km2"].sum() == pytest.approx(support.extent.sum() / 1e6)
    assert support.unit_name


def test_the_base_of_supports_says_what_a_support_must_give():
    for call in (
        lambda s: s.unit_name,
        lambda s: s.geometry(),
        lambda s: s.neighbours(),
        lambda s: s.locate(np.zeros(1), np.zeros(1)),
    ):
        with pytest.raises(TypeError, match="Support must"):
            call(Support())


@pytest.mark.slow
def test_the_real_zones_make_a_grid_of_the_same_area(west_yorkshire):
    grid = Grid.over(west_yorkshire, cell=250)
    assert grid.extent.sum() == pytest.approx(west_yorkshire.extent.sum(), rel=1e-9)
    assert west_yorkshire.neighbours().islands.size == 0
    centre = shapely.point_on_surface(west_yorkshire.polygons)
    x, y = shapely.get_x(centre), shapely.get_y(centre)
    assert np.array_equal(west_yorkshire.locate(x, y), np.arange(west_yorkshire.n))
    assert set(grid.group) == set(west_yorkshire.group.names)
