"""Relative risk: one density over another, where the other is high enough to divide by."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from demandgeo.domain import Demand, Zones
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.statistics.exposures import PER_EXTENT, check_same_support, density_of, residents_per_km2


@stage("density.relative_risk")
def relative_risk(
    cases: Demand,
    controls: Demand | Zones,
    *,
    scale: Literal["relative", "rate"] = "relative",
    floor_share: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05,
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None,
) -> Demand:
    """Divide the density of cases by that of controls, unit by unit.

    Crime against population, KSI against all collisions, one period against the one before. Of two surfaces, give
    both the same bandwidth: else the ratio shows the difference of the two.

    Parameters
    ----------
    cases
        Counts or intensities; the layers are divided one by one.
    controls
        On the same support, with one layer or as many as the cases. Or zones with their population: then a unit that
        is no zone itself takes the residents per km2 of the zone that holds its centre.
    scale
        ``"relative"``: both sum to 1 over the units that have a value of both, so that 1 is the risk of the whole
        study area. ``"rate"``: cases per control in the units of the two, such as KSI per collision.
    floor_share
        Where the controls are not above this share of their mean over the study area, the ratio is NaN: a ratio over
        next to nothing says nothing.
    floor
        Instead of `floor_share`, a least density of the controls, per km2 (per km of streets).

    Returns
    -------
    Demand
        `values` in the shape of the cases. `provenance` has the floor, and per layer the units below it and the share
        of the cases in them; the balance is that of the cases.

    Raises
    ------
    ModelError
        If the supports or layers differ, the zones have no population, or no unit has controls above the floor.
    GeometryError
        If cases and zones have different CRS.

    Notes
    -----
    Bithell (1990), Statistics in Medicine 9:691-701; Kelsall and Diggle (1995), Statistics in Medicine 14:2335-2342.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    >>> everything = Events.at([50, 50, 50, 150], [50, 50, 50, 50], crs="EPSG:27700")
    >>> serious = everything.where(np.array([0, 3]))
    >>> relative_risk(count(serious, grid), count(everything, grid), scale="rate").values.round(3).tolist()
    [0.333, 1.0, nan]
    """
    above, below, against = *_densities(cases, controls), "residents"
    if isinstance(controls, Demand):
        against = _without_extent(controls)
    extent = cases.support.extent
    both = np.isfinite(above) & np.isfinite(below)
    mass = np.array([np.where(both, density, 0.0) @ extent for density in (above, below)])
    mean = mass[1] / np.where(both, extent, 0.0).sum(axis=-1)
    least = np.full_like(mean, floor) if floor is not None else floor_share * mean
    kept = both & (below > least[..., None])
    _check_kept(kept, mass)
    ratio = np.full(above.shape, np.nan)
    np.divide(above, below, out=ratio, where=kept)
    if scale == "relative":
        ratio *= (mass[1] / mass[0])[..., None]
    lost = np.where(both & ~kept, above, 0.0) @ extent
    return Demand(
        support=cases.support,
        values=ratio,
        measure="relative risk" if scale == "relative" else f"{_without_extent(cases)} per {against}",
        balance=cases.balance,
        weight_name=cases.weight_name,
        period=cases.period,
        name=cases.name,
        count=cases.count,
        layers=cases.layers,
        provenance={
            "method": "ratio of densities",
            "scale": scale,
            "floor": np.asarray(least).tolist(),
            "units_below_floor": (both & ~kept).sum(axis=-1).tolist(),
            "units_without_value": (~both).sum(axis=-1).tolist(),
            "cases_below_floor": (lost / mass[0]).tolist(),
            "cases": dict(cases.provenance),
            "controls": dict(controls.provenance) if isinstance(controls, Demand) else "population of the zones",
        },
    )


def _densities(cases: Demand, controls: Demand | Zones) -> tuple[Floats, Floats]:
    above = density_of(cases)
    if isinstance(controls, Zones):
        below = np.broadcast_to(residents_per_km2(controls, cases.support), above.shape)
    else:
        check_same_support(cases.support, controls.support, names=("the cases", "the controls"))
        if controls.values.ndim == 2 and controls.values.shape != cases.values.shape:
            raise ModelError(
                f"cases of shape {cases.values.shape} and controls of shape {controls.values.shape}",
                "controls with one layer, or with the layers of the cases, were needed",
            )
        below = np.broadcast_to(density_of(controls), above.shape)
    return above, below


def _check_kept(kept: Mask, mass: Floats) -> None:
    problems = Problems()
    problems.check(kept.any(), "no unit has controls above the floor", "some controls were needed", "lower the floor")
    problems.check((mass[0] > 0).all(), "a layer has no cases", "some were needed where there are controls")
    problems.raise_as(ModelError)


def _without_extent(demand: Demand) -> str:
    return demand.measure.replace(PER_EXTENT[demand.support.extent_unit][0], "")
