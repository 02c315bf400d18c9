"""Districts and zones of the made city, with residents and deprivation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import Voronoi, cKDTree

from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats, Geometries, Integers
from demandgeo.domain.zones import Zones
from demandgeo.synthetic.sizes import CENTRE, CRS, Size

DISTRICTS = (
    "Made Alderton",
    "Made Birchwell",
    "Made Corvedon",
    "Made Dunmarsh",
    "Made Elmscote",
    "Made Fernhalt",
    "Made Gorsley",
)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Zones and what is known of them.

    Attributes
    ----------
    zones
        The polygons, in ascending order of their codes.
    tree
        Index of the points whose Voronoi cells the zones are, in the same order; further points ring the city.
    centres
        float64 [7, 2]: the middle of each district.
    district
        int64 [n]: the district of each zone.
    deprivation
        float64 [n]: score; the higher, the more deprived.
    """

    zones: Zones
    tree: cKDTree
    centres: Floats
    district: Integers
    deprivation: Floats

    @property
    def seeds(self) -> Floats:
        """float64 [n, 2]: the point around which each zone lies."""
        return cast(Floats, self.tree.data[: self.zones.n])

    @property
    def population(self) -> Floats:
        """float64 [n]: residents of each zone."""
        assert self.zones.population is not None
        return self.zones.population

    def zone_at(self, x: Floats, y: Floats) -> Integers:
        """Return the zone of each point, -1 outside: the nearest seed's, since zones are Voronoi cells."""
        nearest = self.tree.query(np.column_stack([x, y]))[1]
        return np.where(nearest < self.zones.n, nearest, -1)

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per zone: code, name, district, population, deprivation score and decile (1 = most), geometry."""
        rank = np.argsort(np.argsort(-self.deprivation, kind="stable"), kind="stable")
        columns = {
            "code": self.zones.ids,
            "name": self.zones.names,
            "district": np.array(DISTRICTS, dtype=object)[self.district],
            "population": self.population.astype(np.int64),
            "deprivation_score": self.deprivation,
            "deprivation_decile": 1 + rank * 10 // self.zones.n,
        }
        return gpd.GeoDataFrame(columns, geometry=self.zones.polygons, crs=CRS)


def make_places(size: Size, rng: np.random.Generator) -> Places:
    """Make the zones: Voronoi cells of points that lie closer together near the middle of a district."""
    radius = np.sqrt(size.area_km2 * 1e6 / np.pi)
    bend = rng.uniform(0, 2 * np.pi, 2)
    angles = rng.uniform(0, 2 * np.pi) + np.arange(6) * np.pi / 3
    around = 0.58 * radius * np.column_stack([np.cos(angles), np.sin(angles)])
    centres = np.vstack([np.zeros((1, 2)), around + rng.normal(0, 0.03 * radius, (6, 2))])
    seeds, ring = _seeds(size, rng, radius, bend, centres)
    district = cKDTree(centres).query(seeds)[1]
    order = np.lexsort((seeds[:, 0], seeds[:, 1] // (radius / 8), district))
    seeds, district = seeds[order], district[order]
    points = np.vstack([seeds, ring]) + CENTRE
    population = np.clip(rng.lognormal(np.log(1_600), 0.22, size.zones), 900, 3_600).round()
    zones = Zones(
        polygons=_cells(points, size.zones),
        ids=np.array([f"M01{i + 1:06d}" for i in range(size.zones)]),
        names=_names(district),
        crs=CRS,
        population=population,
        group=Labels(district.astype(np.int32), DISTRICTS),
    )
    return Places(zones, cKDTree(points), centres + CENTRE, district, _deprivation(seeds, rng, radius))


def _seeds(size: Size, rng: np.random.Generator, radius: float, bend: Floats, centres: Floats) -> tuple[Floats, Floats]:
    """Return the zones' points and a ring of points that bounds their cells, both around the origin."""

    def outline(angle: Floats) -> Floats:
        return cast(Floats, radius * (1 + 0.09 * np.cos(2 * angle + bend[0]) + 0.05 * np.cos(3 * angle + bend[1])))

    gap = np.sqrt(size.area_km2 * 1e6 / size.zones) / 4
    # Six candidates per zone on a jittered lattice: any two are apart, so that no cell is a sliver.
    step = np.sqrt(size.area_km2 * 1e6 / (6 * size.zones))
    axis = np.arange(-1.2 * radius, 1.2 * radius, step)
    lattice = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    lattice = lattice + rng.uniform(-0.3 * step, 0.3 * step, lattice.shape)
    inside = np.hypot(*lattice.T) < outline(np.arctan2(lattice[:, 1], lattice[:, 0])) - gap
    lattice = lattice[inside]
    density = np.full(len(lattice), 0.35)
    for weight, centre in zip([2.0, *[1.0] * 6], centres, strict=True):
        density += weight * np.exp(-((lattice - centre) ** 2).sum(axis=1) / (2 * (0.2 * radius) ** 2))
    chosen = rng.choice(len(lattice), size.zones, replace=False, p=density / density.sum())
    angle = np.linspace(0, 2 * np.pi, int(2 * np.pi * radius / gap / 2), endpoint=False)
    ring = (outline(angle) + gap)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return lattice[np.sort(chosen)], ring


def _cells(points: Floats, n: int) -> Geometries:
    """Return the Voronoi cells of the first n points; neighbours share their vertices bit by bit."""
    diagram = Voronoi(points)
    regions = [diagram.regions[diagram.point_region[i]] for i in range(n)]
    cell = np.repeat(np.arange(n), [len(region) for region in regions])
    vertex = diagram.vertices[np.concatenate(regions)]
    dx, dy = (vertex - points[cell]).T
    order = np.lexsort((np.arctan2(dy, dx), cell))
    return cast(Geometries, shapely.polygons(shapely.linearrings(vertex[order], indices=cell[order])))


def _names(district: Integers) -> np.ndarray:
    """Name zones as small areas are: five letters to a number, numbers counted within the district."""
    start = np.searchsorted(district, np.arange(len(DISTRICTS)))
    turn = np.arange(len(district)) - start[district]
    return np.array([f"{DISTRICTS[d]} {t // 5 + 1:03d}{'ABCDE'[t % 5]}" for d, t in zip(district, turn, strict=True)])


def _deprivation(seeds: Floats, rng: np.random.Generator, radius: float) -> Floats:
    """Make a score that changes smoothly over the city, with noise."""
    field = np.zeros(len(seeds))
    for weight, (x, y) in zip(rng.normal(0, 1, 20), rng.uniform(-radius, radius, (20, 2)), strict=True):
        field += weight * np.exp(-((seeds[:, 0] - x) ** 2 + (seeds[:, 1] - y) ** 2) / (2 * (0.25 * radius) ** 2))
    field += 0.25 * rng.standard_normal(len(seeds))
    field = (field - field.mean()) / field.std()
    return cast(Floats, np.round(np.clip(22 + 14 * field, 1, 90), 3))
