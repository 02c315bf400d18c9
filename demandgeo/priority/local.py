"""Where demand is higher, or more alike, than chance alone would make it: Gi, Gi* and local Moran."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, get_args

import numpy as np
from pydantic import Field

from demandgeo.domain import Demand, Labels, LocalStatistic
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.domain.support import Contiguity
from demandgeo.errors import ModelError, PrecisionWarning, Problems, did_you_mean
from demandgeo.priority.inference import (
    Alternative,
    Generator,
    Inference,
    Lags,
    Pair,
    Tails,
    drawn_tails,
    exact_tails,
    normal_tails,
)
from demandgeo.registry import stage
from demandgeo.statistics.multiple_testing import Adjustment, false_discovery_rates

KINDS = ("high among high", "high among low", "low among high", "low among low")
NULL = "the neighbours' demand drawn anew from all other units"
FLAT = 1e-12
"""A variance below this share of the mean square is rounding: the values are all the same."""

ALPHA = 0.05
"""The level at which `provenance` says what a rounding leaves open."""

Permutations = Annotated[int, Field(ge=1)]
Step = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@stage("priority.getis_ord")
def getis_ord(
    demand: Demand,
    *,
    star: bool = True,
    inference: Inference = "exact",
    alternative: Alternative = "greater",
    contiguity: Contiguity = "queen",
    adjust: Adjustment | None = "bh",
    rounding: Step | None = None,
    permutations: Permutations = 999,
    generator: Generator = "counter",
    seed: int = 0,
) -> LocalStatistic:
    """Test where a unit and its neighbours hold more demand than chance alone would put there (Gi*, or Gi).

    Chance keeps the demand of the unit itself and draws that of its neighbours anew from all other units (conditional
    permutation). ``"exact"`` gives the p of all possible draws; ``"permutation"`` that of some draws, and so no p
    below 1 / (1 + permutations); ``"normal"`` what most tools report, which for skewed counts calls far too many
    units significant.

    Parameters
    ----------
    demand
        On any support; layers are summed. A unit whose value is NaN is not tested and is nobody's neighbour; a unit
        without neighbours is not tested either.
    star
        Whether the unit itself belongs to its neighbourhood (Gi*). Under conditional permutation p is that of Gi, as
        its own demand is not drawn; statistic and z differ.
    inference
        Where p comes from.
    alternative
        ``"greater"`` for hot spots, ``"lesser"`` for cold ones; ``"two-sided"`` doubles the smaller of the two, and
        ``"directed"`` takes it as it is, which esda does by default (too small by half).
    contiguity
        What makes units touch.
    adjust
        For many tests: ``"bh"``, ``"by"``, or None, which leaves q = p.
    rounding
        Step to which values are rounded for the exact law; None takes values of up to three decimals as they are if
        the table of sums has room for them, and else a step of 4 millionths of the greatest sum (a giant among small
        values makes it coarse beside the giant only). `provenance` has
        the step, and how many units stand out at least and at most, whatever it hides; a `PrecisionWarning` says so
        where the two differ.
    permutations, seed
        Of ``"permutation"``.
    generator
        Of ``"permutation"``: ``"esda"`` takes the draws of `esda.G_Local` with the same seed, and decides ties by
        rounding as it does, so that p of whole numbers is its p. ``"counter"`` counts every tie.

    Returns
    -------
    LocalStatistic
        `statistic` the share of all demand (for Gi: of all other demand) in the neighbourhood, `z` with the moments
        of Ord and Getis, `p` of the alternative, `q` by `adjust`. `provenance["least_p"]` is the smallest p that the
        method can give, and `p_error` the bound on the error of an exact one.

    Raises
    ------
    ModelError
        If a setting is unknown, there are too few units to test, all hold the same, or the rounding is too fine.

    Notes
    -----
    Ord and Getis (1995), Geographical Analysis 27:286-306; conditional permutation: Anselin (1995), Geographical
    Analysis 27:93-115. The exact law is that of `statistics.subset_sums`.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 2000, 2000), cell=100, crs="EPSG:27700")
    >>> x, y = np.random.default_rng(1).uniform(0, 2000, (2, 400))
    >>> x[:60], y[:60] = x[:60] % 300 + 1000, y[:60] % 300 + 500
    >>> hot = getis_ord(count(Events.at(x, y, crs="EPSG:27700"), grid))
    >>> int(hot.significant(0.05).sum()), bool(hot.p.min() < 1e-9)
    (11, True)
    """
    test = _Test(inference, alternative, contiguity, adjust, rounding, permutations, generator, seed)
    lags, known = test.lags(demand)
    (held, total), z = gi_scores(lags, star=star)
    statistic = np.divide(held, total, out=np.zeros(held.size), where=total > 0)
    name = "Gi*" if star else "Gi"
    tails = test.tails(lags, z, (held, total))
    return test.record(demand, known, lags, tails, statistic=statistic, z=z, name=name, measure="share of demand")


@stage("priority.local_moran")
def local_moran(
    demand: Demand,
    *,
    inference: Inference = "exact",
    alternative: Alternative = "two-sided",
    contiguity: Contiguity = "queen",
    adjust: Adjustment | None = "bh",
    rounding: Step | None = None,
    permutations: Permutations = 999,
    generator: Generator = "counter",
    seed: int = 0,
) -> LocalStatistic:
    """Test where a unit is more like its neighbours, or less, than chance alone would make it (local Moran's I).

    Parameters
    ----------
    demand, inference, contiguity, adjust, rounding, permutations, generator, seed
        As for `getis_ord`. With `generator="esda"` the draws are those of `esda.Moran_Local`, but ties, frequent with
        counts, are counted: there esda's rounding decides.
    alternative
        ``"greater"``: like its neighbours, both high or both low; ``"lesser"``: unlike them; ``"two-sided"``.

    Returns
    -------
    LocalStatistic
        `statistic` I with rows of weights that sum to 1, `z` with the moments of conditional permutation, and `kind`:
        high or low (above the mean or not) among high or low.

    Raises
    ------
    ModelError
        As for `getis_ord`.

    Notes
    -----
    Anselin (1995), Geographical Analysis 27:93-115; moments: Sokal, Oden and Thomson (1998), Geographical Analysis
    30:331-354, equations A7 and A8. As the unit keeps its value, I is as extreme as the sum of its neighbours is, on
    the side that the unit's own sign says: the law is that of Gi.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 2000, 2000), cell=100, crs="EPSG:27700")
    >>> x, y = np.random.default_rng(1).uniform(0, 2000, (2, 400))
    >>> x[:60], y[:60] = x[:60] % 300 + 1000, y[:60] % 300 + 500
    >>> like = local_moran(count(Events.at(x, y, crs="EPSG:27700"), grid))
    >>> sorted(set(like.kind.to_array()[like.significant(0.05)]))
    ['high among high', 'low among high']
    """
    test = _Test(inference, alternative, contiguity, adjust, rounding, permutations, generator, seed)
    lags, known = test.lags(demand)
    statistic, z, own, around = _moran(lags)
    tails = test.tails(lags, z)
    if inference != "normal":
        tails = tails.turned(own)
    made = test.record(demand, known, lags, tails, statistic=statistic, z=z, name="local Moran", measure="I")
    kind = np.full(demand.support.n, -1, np.int32)
    kind[known] = 2 * (own <= 0) + (around <= 0)
    kind[~made.tested] = -1
    return replace(made, kind=Labels(kind, KINDS))


@dataclass(frozen=True, slots=True)
class _Test:
    """What is asked of a test, and how its answer is put on the support."""

    inference: Inference
    alternative: Alternative
    contiguity: Contiguity
    adjust: Adjustment | None
    rounding: float | None
    permutations: int
    generator: Generator
    seed: int

    def __post_init__(self) -> None:
        problems = Problems()
        for name, choices in (("inference", Inference), ("alternative", Alternative), ("generator", Generator)):
            value, known = getattr(self, name), get_args(choices)
            problems.check(
                value in known, f"{name} is {value!r}", f"one of {', '.join(known)}", did_you_mean(value, known)
            )
        known = (*get_args(Adjustment), None)
        problems.check(self.adjust in known, f"adjust is {self.adjust!r}", "bh, by or None was needed")
        problems.check(self.permutations >= 1, f"permutations is {self.permutations}", "at least 1 was needed")
        problems.check(
            self.rounding is None or 0 < self.rounding < np.inf, f"rounding is {self.rounding}", "a step > 0 or None"
        )
        problems.raise_as(ModelError)

    def lags(self, demand: Demand) -> tuple[Lags, Mask]:
        """Return the lags of the units that have a value, and which these are."""
        values, problems = demand.total, Problems()
        known: Mask = ~np.isnan(values)
        lags = Lags.of(values, demand.support.neighbours(self.contiguity)).among(known)
        held = lags.values
        problems.check(held.size >= 3, f"{held.size} units have a value", "at least 3 were needed")
        problems.check(lags.most > 0, "no unit touches another", "neighbours were needed", 'try contiguity="queen"')
        problems.check(held.size == 0 or np.ptp(held) > 0, "all units hold the same", "some that differ were needed")
        problems.raise_as(ModelError)
        return lags, known

    def tails(self, lags: Lags, z: Floats, share: Pair | None = None) -> Tails:
        """Return the tails of the neighbours' sums (of z itself where it is taken for normal)."""
        if self.inference == "normal":
            return normal_tails(z)
        if self.inference == "exact":
            return exact_tails(lags, self.rounding)
        return drawn_tails(
            lags,
            self.rounding,
            permutations=self.permutations,
            generator=self.generator,
            seed=self.seed,
            share=share,
        )

    def record(self, demand: Demand, known: Mask, lags: Lags, tails: Tails, **found: Any) -> LocalStatistic:
        """Return the record of what was found of the units with a value; islands among them are not tested."""
        tested = np.flatnonzero(known)[lags.drawn > 0]

        def spread(column: Floats) -> Floats:
            full = np.full(demand.support.n, np.nan)
            full[tested] = column[lags.drawn > 0]
            return full

        def adjusted(p: Floats) -> Floats:
            return p if self.adjust is None else false_discovery_rates(p, self.adjust)

        p = spread(tails.of(self.alternative))
        bounds = {
            name: int((adjusted(spread(bound)) <= ALPHA).sum())
            for name, bound in tails.bounds(self.alternative).items()
        }
        if len(set(bounds.values())) > 1:
            warnings.warn(_undecided(bounds), PrecisionWarning, stacklevel=3)
        return LocalStatistic(
            support=demand.support,
            statistic=spread(found["statistic"]),
            z=spread(found["z"]),
            p=p,
            q=adjusted(p),
            name=demand.name,
            measure=found["measure"],
            provenance={
                "statistic": found["name"],
                "null": NULL,
                **tails.about,
                "inference": self.inference,
                "alternative": self.alternative,
                "contiguity": self.contiguity,
                "adjust": self.adjust or "none",
                "islands": int((lags.drawn == 0).sum()),
                "units_without_value": int((~known).sum()),
                **bounds,
                "demand": demand.measure,
                "weight": demand.weight_name,
                "period": demand.period,
            },
        )


def _undecided(bounds: Mapping[str, int]) -> str:
    return (
        f"Values were rounded: between {min(bounds.values())} and {max(bounds.values())} units stand out at q <= "
        f"{ALPHA:g}, whatever the rounding hides. Give a finer rounding, or draws."
    )


def gi_scores(lags: Lags, *, star: bool) -> tuple[Pair, Floats]:
    """Return what each neighbourhood and all units hold, and its score by the moments of a draw without replacement."""
    own = lags.values
    held, drawn, others, left = lags.sums(own), lags.drawn, own.size - 1, own
    if star:
        held, drawn, others, left = held + own, drawn + 1, own.size, np.zeros(own.size)
    total = own.sum() - left
    mean = total / others
    return (held, total), _score(held - drawn * mean, (own**2).sum() - left**2, mean, drawn, others)


def _moran(lags: Lags) -> tuple[Floats, Floats, Floats, Floats]:
    """Return I, its score, the standardised value of each unit, and the mean of its neighbours' values."""
    own = lags.values - lags.values.mean()
    own /= own.std()
    own[np.abs(own) < FLAT] = 0.0
    sums, others = lags.sums(own), own.size - 1
    around = sums / np.maximum(lags.drawn, 1)
    mean = -own / others
    z = _score(sums - lags.drawn * mean, own.size - own**2, mean, lags.drawn, others)
    return others / own.size * own * around, np.sign(own) * z, own, around


def _score(excess: Floats, squares: Floats, mean: Floats, drawn: Integers, others: int) -> Floats:
    """Return the excess of a sum of draws without replacement over its standard deviation, 0 where there is none."""
    variance = squares / others - mean**2
    variance = np.where(variance > FLAT * squares / others, variance, 0.0)
    spread = np.sqrt(variance * drawn * (others - drawn) / max(others - 1, 1))
    return np.divide(excess, spread, out=np.zeros(excess.size), where=spread > 0)
