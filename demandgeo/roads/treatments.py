"""What a treatment did: cameras and road works are put where counts were high, and high counts fall by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from demandgeo.domain import Events, Sites, Table, check_same_crs
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import ModelError, Problem, Problems, SourceError, did_you_mean
from demandgeo.registry import stage
from demandgeo.roads.tallies import snapping_of, tally
from demandgeo.statistics.negative_binomial import posterior

Share = Annotated[float, Field(gt=0, lt=1)]


class Effect(NamedTuple):
    """Ratio of what happened to what would have, and its standard deviation."""

    ratio: float
    sd: float


@stage("roads.before_after")
def before_after(
    sites: Sites,
    after: Events,
    *,
    treated: tuple[str, ...] | list[str] | None = None,
    table: Path | None = None,
    confidence: Share = 0.95,
) -> Table:
    """Estimate what a treatment changed at its sites, with regression to the mean taken out.

    Parameters
    ----------
    sites
        The whole result of `empirical_bayes` on the years before.
    after
        The events after, of the same kind. Events are counted, whatever their weight.
    treated
        The sites treated (column ``site`` of the sites' table), or
    table
        a CSV with a column ``site``. All other sites are the comparison.
    confidence
        Level of the intervals.

    Returns
    -------
    Table
        A row for each method: plain before-after, with comparison sites, and empirical Bayes with comparison sites.
        Each gives the events before, those to be expected after without treatment, those that happened, the change in
        per cent with its interval. The last is the estimate; the others show what it corrects.

    Raises
    ------
    GeometryError
        If events and sites have different CRS.
    ModelError
        If a site is not known, none or all are treated, or nothing happened at the others.
    SourceError
        If the table cannot be read.

    Notes
    -----
    Hauer (1997), Observational Before-After Studies in Road Safety, chapters 9, 11 and 12. With E the expected count
    before (gamma posterior) and r the ratio of the comparison sites' counts, pi = sum r E would have happened, its
    variance r^2 sum Var E + (sum E)^2 Var r; lambda happened. Effect = (lambda / pi) / (1 + Var pi / pi^2), its
    variance effect^2 (1 / lambda + Var pi / pi^2) / (1 + Var pi / pi^2)^2. Intervals are symmetric in its logarithm.

    Examples
    --------
    >>> import shapely
    >>> from demandgeo.domain import Network
    >>> from demandgeo.roads import empirical_bayes
    >>> rng = np.random.default_rng(5)
    >>> lines = shapely.linestrings([[[0, 50 * i], [400, 50 * i]] for i in range(400)])
    >>> streets, rate = Network.from_lines(lines, crs="EPSG:27700"), rng.gamma(1.0, 2.0, 400)
    >>> def drawn(rate, year):
    ...     y = np.repeat(50.0 * np.arange(400), rng.poisson(rate))
    ...     return Events.at(
    ...         rng.uniform(0, 400, y.size), y, crs="EPSG:27700", time=np.full(y.size, year), kind="collision"
    ...     )
    >>> sites = empirical_bayes(drawn(rate, "2023-01-01"), streets, junction_radius=0)
    >>> worst = sites.table["site"].head(30).tolist()
    >>> after = drawn(rate, "2024-01-01")  # nothing was done
    >>> before_after(sites, after, treated=worst).rows[["method", "change_percent"]].round().values.tolist()
    [['plain before-after', -22.0], ['comparison sites', -24.0], ['empirical Bayes', 11.0]]
    """
    check_same_crs(after.crs, sites.crs, first_name="the table of events", second_name="the sites")
    chosen = _chosen(sites, treated, table)
    count = _counts(sites, after)
    rows = sites.table
    known, happened = rows["events"].to_numpy(np.float64), float(count[chosen].sum())
    others = float(known[~chosen].sum()), float(count[~chosen].sum())
    _check(sites, after, chosen, others)
    expected = posterior(known, rows["modelled_events"].to_numpy(), rows["shape"].to_numpy())
    years = after.years / sites.years
    ratio = others[1] / others[0] / (1.0 + 1.0 / others[0])
    ratio_spread = 1.0 / others[0] + 1.0 / others[1]
    before = float(known[chosen].sum())
    eb, eb_variance = float(expected.mean[chosen].sum()), float((expected.mean / expected.rate)[chosen].sum())
    methods = {
        "plain before-after": (before, years * before, years**2 * before),
        "comparison sites": (before, ratio * before, (ratio * before) ** 2 * (1.0 / max(before, 1.0) + ratio_spread)),
        "empirical Bayes": (eb, ratio * eb, ratio**2 * eb_variance + (ratio * eb) ** 2 * ratio_spread),
    }
    made = [{"method": name, **_row(*numbers, happened, confidence)} for name, numbers in methods.items()]
    return Table(
        title=f"{int(chosen.sum())} treated sites, {sites.period} against {after.period}",
        rows=pd.DataFrame(made),
        notes=(
            f"{1.0 - eb / before:.0%} of the count before at the treated sites was luck that was not to last "
            "(regression to the mean)."
            if before > eb
            else "The counts before were not above what was to be expected.",
            f"{int((~chosen).sum()):,} other sites: {others[0]:,.0f} {after.kind}s before, {others[1]:,.0f} after.",
        ),
        provenance={"method": "empirical Bayes before-after (Hauer 1997)", "confidence": confidence},
    )


def effect(happened: float, expected: float, variance: float) -> Effect:
    """Return the ratio of what happened to what would have, unbiased, and its standard deviation.

    Examples
    --------
    >>> [round(float(part), 4) for part in effect(80.0, 100.0, 25.0)]
    [0.798, 0.0975]
    """
    spread = variance / expected**2
    ratio = happened / expected / (1.0 + spread)
    return Effect(ratio, ratio * np.sqrt(1.0 / max(happened, 1.0) + spread) / (1.0 + spread))


def _row(before: float, expected: float, variance: float, happened: float, confidence: float) -> dict[str, float]:
    found = effect(happened, expected, variance)
    width = float(stats.norm.ppf((1.0 + confidence) / 2.0)) * found.sd / max(found.ratio, np.finfo(float).tiny)
    low, high = found.ratio * np.exp(-width), found.ratio * np.exp(width)
    return {
        "before": before,
        "expected_after": expected,
        "after": happened,
        "change_percent": 100.0 * (found.ratio - 1.0),
        "low_percent": 100.0 * (float(low) - 1.0),
        "high_percent": 100.0 * (float(high) - 1.0),
    }


def _counts(sites: Sites, after: Events) -> Floats:
    """Return the later events on each site, in the order of the sites."""
    radius = float(sites.model.get("junction_radius_m", 0.0))
    placed = tally(after, sites.network, junction_radius=radius, **snapping_of(sites))
    by_name = dict(zip(placed.places.ids(), placed.number.tolist(), strict=True))
    return np.array([by_name.get(site, np.nan) for site in sites.table["site"]])


def _chosen(sites: Sites, treated: Sequence[str] | None, table: Path | None) -> Mask:
    if (treated is None) == (table is None):
        raise ModelError("treated sites are given twice or not at all", "treated or table was needed")
    names = [str(site) for site in treated] if treated is not None else _read(Path(str(table)))
    known = sites.table["site"]
    problems = Problems()
    for name in sorted(set(names) - set(known)):
        problems.add(f"site {name!r} is not known", remedy=did_you_mean(name, known))
    problems.raise_as(ModelError)
    return known.isin(names).to_numpy(np.bool_)


def _read(path: Path) -> list[str]:
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise SourceError(Problem(f"cannot be read ({error})", "a CSV of sites was needed", file=str(path))) from error
    if "site" not in rows:
        raise SourceError(Problem(f"has the columns {list(rows.columns)}", "site was needed", file=str(path), line=1))
    return list(rows["site"])


def _check(sites: Sites, after: Events, chosen: Mask, others: tuple[float, float]) -> None:
    problems = Problems()
    problems.check(chosen.any() and not chosen.all(), f"{int(chosen.sum())} of {len(chosen)} sites are treated")
    problems.check(min(others) > 0, "nothing happened at the other sites before or after", "a comparison was needed")
    problems.check(
        sites.name.endswith(f"{after.kind}s"), f"the later events are {after.kind}s, the sites count {sites.name}"
    )
    problems.check(after.years > 0 and sites.years > 0, "a period is undated", "dated events were needed")
    problems.raise_as(ModelError)
