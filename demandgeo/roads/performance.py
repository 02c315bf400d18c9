"""Safety performance functions: what streets of a kind suffer, by their length, traffic and class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from demandgeo.domain import Labels
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.roads.facilities import JUNCTION, SEGMENT, Facilities
from demandgeo.roads.tallies import Tally
from demandgeo.statistics.credibility import Severity
from demandgeo.statistics.negative_binomial import Fit, Posterior, fit, posterior

Dispersion = Literal["auto", "constant", "length"]

LEAST_COUNT = 5.0
"""A class of road with fewer events has no level of its own: it would be fitted to noise."""

CONSTANT, TRAFFIC, ENDS = "constant", "log traffic", "log street ends"


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """The fitted functions of a set of facilities: one for segments, one for junctions.

    Attributes
    ----------
    mean, shape
        float64 [n]: fitted number of events in the period, and shape of what varies round it.
    traffic
        float64 [n], vehicles per day; NaN where none is used.
    fits
        For each kind its fit and the names of its covariates.
    exponent
        1 where the shape grows with length, else 0.
    """

    mean: Floats
    shape: Floats
    traffic: Floats
    fits: tuple[tuple[str, Fit, tuple[str, ...]], ...]
    exponent: float

    @property
    def log_likelihood(self) -> float:
        """Of all counts."""
        return float(sum(found.log_likelihood for _, found, _ in self.fits))

    def coefficients(self) -> pd.DataFrame:
        """Return one row per kind and covariate: estimate, standard error; and the shape's scale."""
        rows = []
        for kind, found, names in self.fits:
            rows += [
                (kind, name, float(value), float(error))
                for name, value, error in zip(names, found.coefficient, found.error, strict=True)
            ]
            rows.append((kind, "shape per km" if found.exponent else "shape", found.scale, np.nan))
        return pd.DataFrame(rows, columns=["kind", "term", "estimate", "standard_error"])


def traffic_of(places: Facilities, attribute: str | None) -> Floats:
    """Return vehicles per day of each facility; of a junction those that enter it. NaN if there is no attribute.

    Raises
    ------
    ModelError
        If the network has no such attribute, or it is not above 0 everywhere.
    """
    if attribute is None:
        return np.full(len(places), np.nan)
    network = places.network
    column = network.attributes.get(attribute)
    problems = Problems()
    if not isinstance(column, np.ndarray):
        hint = did_you_mean(attribute, [name for name, c in network.attributes.items() if isinstance(c, np.ndarray)])
        raise ModelError(
            f"the streets have no numbers {attribute!r}",
            "vehicles per day of each street were needed",
            f"{hint or 'attach counts with roads.attach_traffic'}; without traffic give traffic: null (length only)",
        )
    bad = int((~(np.isfinite(column) & (column > 0))).sum())
    problems.check(not bad, f"{attribute} of {bad:,} streets is not above 0", "vehicles per day of every street")
    problems.raise_as(ModelError)
    found = np.empty(len(places))
    junction = places.is_junction
    found[~junction] = column[places.segment[~junction]]
    # Each vehicle that enters leaves again: half of what passes the street ends.
    found[junction] = places.per_junction(column, np.add, 0.0)[junction] / 2
    return found


def fitted(
    placed: Tally, years: float, *, traffic: str | None, covariates: Sequence[str], dispersion: Dispersion
) -> Performance:
    """Fit both functions; with ``"auto"`` the form of the dispersion under which the counts are likelier.

    Raises
    ------
    ModelError
        If traffic or a covariate is not there, or a kind of facility has no event.
    """
    places, count = placed.places, placed.number
    vehicles = traffic_of(places, traffic)
    designs = []
    for kind, rows in ((SEGMENT, ~places.is_junction), (JUNCTION, places.is_junction)):
        if not count[rows].any() and rows.any():
            raise ModelError(
                f"no event lies on a {kind}",
                "some were needed to fit what such places suffer",
                "give junction_radius: 0 to take whole segments" if kind == JUNCTION else "check the coordinates",
            )
        if rows.any():
            designs.append((kind, rows, *_design(places, rows, count, vehicles, covariates)))
    exponents = {"constant": (0.0,), "length": (1.0,), "auto": (0.0, 1.0)}[dispersion]
    models = [_fitted(placed, years, designs, vehicles, exponent) for exponent in exponents]
    return max(models, key=lambda model: model.log_likelihood)


def _fitted(
    placed: Tally,
    years: float,
    designs: Sequence[tuple[str, Mask, tuple[str, ...], Floats]],
    traffic: Floats,
    exponent: float,
) -> Performance:
    places, count = placed.places, placed.number
    mean, shape, fits = np.empty(len(places)), np.empty(len(places)), []
    for kind, rows, names, design in designs:
        km = places.length[rows] / 1e3 if kind == SEGMENT else np.ones(int(rows.sum()))
        own = fit(count[rows], design, np.log(km * years), km, exponent=exponent if kind == SEGMENT else 0.0)
        mean[rows], shape[rows] = own.mean, own.shape
        fits.append((kind, own, names))
    return Performance(mean, shape, traffic, tuple(fits), exponent)


def _design(
    places: Facilities, rows: Mask, count: Floats, traffic: Floats, covariates: Sequence[str]
) -> tuple[tuple[str, ...], Floats]:
    """Return the names and the columns of the model of some facilities."""
    columns: dict[str, Floats] = {CONSTANT: np.ones(int(rows.sum()))}
    if np.isfinite(traffic[rows]).all():
        columns[TRAFFIC] = np.log(traffic[rows])
    if places.is_junction[rows].any():
        ends = np.diff(places.network.arms().indptr).astype(np.float64)
        columns[ENDS] = np.log(ends[places.node[rows]])
    columns |= {name: _covariate(places, name)[rows] for name in covariates}
    columns |= _levels(places.classes().take(rows), count[rows], places.length[rows])
    varied = {name: column for name, column in columns.items() if name == CONSTANT or np.ptp(column) > 0}
    return tuple(varied), np.column_stack(list(varied.values()))


def expectation(placed: Tally, model: Performance) -> tuple[Floats, Posterior]:
    """Return what each place would suffer if it were as its kind is, and what is known of its true mean.

    Events and their mean weight are taken as independent. Where mean weights differ between places the product of a
    gamma and a credibility estimate is given as the gamma of the same mean and variance.

    Examples
    --------
    A place with three events of weight 1 where its kind has 0.5: no weight of its own shows, so half of them count.

    >>> severity = Severity(np.array([0.5]), np.array([0.5]), np.zeros(1), 0.0, np.inf)
    >>> after = weighted(posterior(np.array([3.0]), np.array([1.0]), np.array([2.0])), severity)
    >>> after.mean.round(4).tolist()
    [0.8333]
    """
    after = posterior(placed.number, model.mean, model.shape)
    return model.mean * placed.severity.usual, weighted(after, placed.severity)


def weighted(after: Posterior, severity: Severity) -> Posterior:
    """Return what is known of the true mean weight of places, from that of their events."""
    variation = (1.0 + 1.0 / after.shape) * (1.0 + severity.variation) - 1.0
    shape = 1.0 / variation
    return Posterior(shape, shape / (after.mean * severity.mean))


def _covariate(places: Facilities, name: str) -> Floats:
    column = places.network.attributes.get(name)
    if not isinstance(column, np.ndarray) or not np.isfinite(column).all():
        raise ModelError(
            f"the streets have no complete numbers {name!r}",
            "a number for every street was needed",
            did_you_mean(name, places.network.attributes),
        )
    found = np.empty(len(places))
    found[~places.is_junction] = column[places.segment[~places.is_junction]]
    ends = places.per_junction(np.ones(len(column)), np.add, 0.0)
    found[places.is_junction] = (places.per_junction(column, np.add, 0.0) / ends)[places.is_junction]
    return found


def _levels(classes: Labels, count: Floats, length: Floats) -> dict[str, Floats]:
    """Return a column for each class with events enough, but for the one with most length and all that are rare."""
    events = np.bincount(classes.codes, count, minlength=len(classes.names))
    extent = np.bincount(classes.codes, length, minlength=len(classes.names))
    usual = int(np.argmax(extent))
    return {
        name: (classes.codes == code).astype(np.float64)
        for code, name in enumerate(classes.names)
        if code != usual and events[code] >= LEAST_COUNT
    }
