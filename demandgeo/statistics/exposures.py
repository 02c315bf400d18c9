"""What demand is compared with: densities, amounts, residents, all on one support."""

from __future__ import annotations

import numpy as np
import shapely

from demandgeo.domain import Demand, Support, Zones, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError

PER_EXTENT = {"m2": ("/km2", 1e6), "m": ("/km", 1e3)}
"""How the measure of an intensity names the extent, and the m2 or m in one of it."""


def density_of(demand: Demand) -> Floats:
    """Return the values per km2 (per km of streets), whether they are intensities or sums per unit."""
    name, scale = PER_EXTENT[demand.support.extent_unit]
    values = demand.values.astype(np.float64, copy=False)
    return values if name in demand.measure else values / (demand.support.extent / scale)


def amounts_of(exposure: Demand | Zones, support: Support) -> Floats:
    """Return the exposure of each unit as an amount that adds up, layers summed; of zones, their residents.

    Raises
    ------
    ModelError
        If it stands on another support, or the zones have no population.
    GeometryError
        If the zones have another CRS.
    """
    if isinstance(exposure, Zones):
        return residents_per_km2(exposure, support) * (support.extent / PER_EXTENT["m2"][1])
    check_same_support(support, exposure.support, names=("the demand", "the exposure"))
    name, scale = PER_EXTENT[support.extent_unit]
    return exposure.total * (support.extent / scale) if name in exposure.measure else exposure.total


def residents_per_km2(zones: Zones, support: Support) -> Floats:
    """Return the residents per km2 of the zone of each unit, NaN where there is none.

    Raises
    ------
    ModelError
        If the zones have no population, or the units are other zones.
    GeometryError
        If the two have different CRS.
    """
    if zones.population is None:
        raise ModelError("the zones have no population", "a population was needed", "name its column at the reader")
    density = zones.population / (zones.extent / PER_EXTENT["m2"][1])
    if isinstance(support, Zones):
        check_same_support(support, zones, names=("the demand", "the zones"))
        return density
    check_same_crs(support.crs, zones.crs, first_name="the demand", second_name="the zones")
    points = shapely.centroid(support.geometry())
    zone = zones.locate(shapely.get_x(points), shapely.get_y(points))
    return np.where(zone >= 0, density[zone], np.nan)


def check_same_support(first: Support, second: Support, *, names: tuple[str, str]) -> None:
    """Refuse two supports whose content differs."""
    if first is not second and first.content_hash() != second.content_hash():
        raise ModelError(
            f"{names[0]} and {names[1]} stand on different supports",
            "one and the same was needed",
            "make both on the same grid or zones",
        )
