"""Zones: polygons with a code, such as LSOAs, wards or beats."""

from __future__ import annotations


from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np
import shapely


from demandgeo.domain.crs import metric_crs
from demandgeo.domain.labels import Labels
from demandgeo.domain.ledger import Ledger
from demandgeo.domain.record import Floats, Geometries, Integers, Texts, frozen_array, frozen_geometries
from demandgeo.domain.support import QUEEN, ROOK, Neighbours, Support, check_contiguity
from demandgeo.errors import GeometryError, ModelError, Problems

OVERLAP_SHARE = 1e-3
"""Overlaps up to this share of the smaller zone are slivers: a point in one is counted once, in the lowest code."""

POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Zones(Support):
    """Polygons that do not overlap, in ascending order of their ids.

    Parameters
    ----------
    polygons
        Valid polygons or multipolygons [n], with an area.
    ids
        Code of each zone, distinct.
    crs
        Projected, in metres.
    names
        Name of each zone; the ids if not given.
    population
        float64 [n] residents, NaN where unknown; None if there is no such column.
    group
        The district of each zone.
    ledger
        What became of the features of the file.

    Raises
    ------
    ModelError, GeometryError
        Listing every rule that is broken.
    """

    polygons: Geometries
    ids: Texts
    crs: str
    names: Texts | None = None
    population: Floats | None = None
    group: Labels | None = None
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        ids = np.array(self.ids, dtype=np.str_)
        order = np.argsort(ids, kind="stable")
        if len(ids) != len(self.polygons):
            raise ModelError(f"{len(self.polygons)} polygons have {len(ids)} ids", "one id for each was needed")
        self._set(
            ids=frozen_array(ids[order]),
            polygons=frozen_geometries(np.array(self.polygons, dtype=object)[order]),
            crs=metric_crs(self.crs, what="the table of zones"),
            names=frozen_array((ids if self.names is None else np.array(self.names, dtype=np.str_))[order]),
        )
        if self.population is not None:
            self._set(population=frozen_array(np.asarray(self.population, np.float64)[order]))
        if self.group is not None:
            self._set(group=self.group.take(order))
        self._check()

    def _check(self) -> None:
        problems = Problems()
        problems.check(len(self.ids) > 0, "there is no zone")
        twice = np.unique(self.ids[1:][self.ids[1:] == self.ids[:-1]])
        for code in twice.tolist():
            problems.add(f"zone {code} stands twice", "distinct ids were needed", "dissolve or remove one of the two")
        kinds = np.isin(shapely.get_type_id(self.polygons), POLYGONS)
        for row in np.flatnonzero(~(kinds & shapely.is_valid(self.polygons) & (shapely.area(self.polygons) > 0))):
            problems.add(f"zone {self.ids[row]} is no valid polygon with an area", remedy="repair it: shapely.make_valid")
        if self.population is not None and (self.population < 0).any():
            problems.add(f"zone {self.ids[self.population < 0][0]} has a population below 0")
        problems.raise_as(ModelError)
        self._check_overlap()

    def _check_overlap(self) -> None:
        if shapely.coverage_is_valid(self.polygons):
            return
        first, second = self._pairs()
        overlap = shapely.area(shapely.intersection(self.polygons[first], self.polygons[second]))
        area = shapely.area(self.polygons)
        too_much = overlap > OVERLAP_SHARE * np.minimum(area[first], area[second])
        problems = Problems()
        for a, b, shared in zip(first[too_much], second[too_much], overlap[too_much], strict=True):
            problems.add(
                f"zones {self.ids[a]} and {self.ids[b]} overlap by {shared:,.0f} m2",
                f"at most {OVERLAP_SHARE:.1%} of the smaller zone",
                "remove the duplicate, or cut one at the other's border",
            )
        problems.raise_as(GeometryError)

    @classmethod
    def from_frame(
        cls,
        frame: gpd.GeoDataFrame,
        *,
        id: str,
        name: str | None = None,
        population: str | None = None,
        group: str | None = None,
        ledger: Ledger | None = None,
    ) -> Zones:
        """Make zones from a frame, naming its columns."""
        return cls(
            polygons=frame.geometry.to_numpy(),
            ids=frame[id].astype(str).to_numpy(np.str_),
            crs="" if frame.crs is None else frame.crs.to_string(),
            names=None if name is None else frame[name].astype(str).to_numpy(np.str_),
            population=None if population is None else frame[population].to_numpy(np.float64),
            group=None if group is None else Labels.of(frame[group]),
            ledger=ledger or Ledger(),
        )

    @property
    def extent(self) -> Floats:  # type: ignore[override]
        """float64 [n]: area in m2."""
        return cast(Floats, shapely.area(self.polygons))

    @property
    def unit_name(self) -> str:
        """``zones``."""
        return "zones"

    def geometry(self) -> Geometries:
        """Return the polygons."""
        return self.polygons

    def outline(self) -> shapely.Geometry:
        """Return the union of all zones: the study area."""
        return shapely.union_all(self.polygons)

    def index_of(self, codes: Labels) -> Integers:
        """Return the zone that each code names, -1 for other or missing codes."""
        known = {code: row for row, code in enumerate(self.ids.tolist())}
        lookup = np.array([*(known.get(name, -1) for name in codes.names), -1], dtype=np.int64)
        return cast(Integers, lookup[codes.codes])

    def locate(self, x: Floats, y: Floats) -> Integers:
        """Return the zone that holds each point, -1 outside; on a shared border it is the lowest code's."""
        # One look-up per distinct point: open crime data repeat each snap point some 15 times (6-10x faster).
        spots, inverse = np.unique(np.column_stack([x, y]), axis=0, return_inverse=True)
        points = shapely.points(spots)
        point, zone = shapely.STRtree(self.polygons).query(points, predicate="intersects")
        found = np.full(len(spots), self.n)
        np.minimum.at(found, point, zone)
        found[found == self.n] = -1
        return cast(Integers, found[inverse.ravel()])

    def neighbours(self, contiguity: str = ROOK) -> Neighbours:
        """Return the zones that share a border of positive length (rook), or at least a point (queen)."""
        check_contiguity(contiguity)
        first, second = self._pairs()
        border = shapely.length(
            shapely.intersection(shapely.boundary(self.polygons[first]), shapely.boundary(self.polygons[second]))
        )
        keep = border >= 0 if contiguity == QUEEN else border > 0
        return Neighbours.from_pairs(self.n, first[keep], second[keep], border[keep])

    def summary(self) -> dict[str, object]:
        """Zones, districts, area and population."""
        return {
            "zones": self.n,
            "districts": 0 if self.group is None else len(set(self.group.codes[self.group.present].tolist())),
            "area_km2": float(self.extent.sum() / 1e6),
            "population": "not given" if self.population is None else float(np.nansum(self.population)),
            "crs": self.crs,
        }

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per zone: id, name, area in km2, district, population, geometry."""
        frame = Support.to_frame(self)
        frame.insert(1, "name", self.names)
        if self.population is not None:
            frame.insert(frame.columns.get_loc("geometry"), "population", self.population)
        return frame

    def _pairs(self) -> tuple[Integers, Integers]:
        first, second = shapely.STRtree(self.polygons).query(self.polygons, predicate="intersects")
        once = first < second
        return cast(Integers, first[once]), cast(Integers, second[once])


