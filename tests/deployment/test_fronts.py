"""Pareto fronts against all sets of sites there are, and what they say of options."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.deployment import pareto_front
from demandgeo.domain import Balance, CostMatrix, Demand, Grid, Labels, Option, Options, ParetoFront, Points
from demandgeo.domain.fronts import CRITERIA
from demandgeo.errors import ModelError

WITHIN = 6.0
PAIRS = [
    *(("mean_time", against) for against in ("sites", "sites_cost", "coverage", "worst_district")),
    *(("coverage", against) for against in ("sites", "sites_cost", "worst_district")),
]
CRS = "EPSG:27700"


def demand_of(values, district=None):
    grid = Grid.covering((0, 0, 100 * len(values), 100), cell=100, crs=CRS)
    if district is not None:
        grid = dataclasses.replace(grid, group=Labels.of(district))
    balance = Balance(np.array([9, 0, 0, 0]), np.array([9.0, 0, 0, 0]))
    return Demand(grid, np.asarray(values, float), "incidents", balance, "count", "2018-07")


def matrix_of(seconds, cost=None):
    names = tuple("ABCDEFGHIJ"[: len(seconds)])
    table = pd.DataFrame() if cost is None else pd.DataFrame({"cost_per_year": np.asarray(cost, float)})
    nowhere = np.full(len(names), np.nan)
    return CostMatrix(Points(names, nowhere, nowhere, "", table), Points.numbered(seconds.shape[1]), seconds, "given")


@dataclasses.dataclass
class City:
    """A tiny city, all of whose plans can be tried."""

    seconds: np.ndarray
    weight: np.ndarray
    district: list
    cost: np.ndarray
    fixed: list
    forbidden: list

    @property
    def demand(self):
        return demand_of(self.weight, self.district)

    @property
    def tt(self):
        return matrix_of(self.seconds, self.cost)

    def plans(self, rules):
        free = [j for j in range(len(self.seconds)) if j not in self.forbidden]
        for size in range(1, len(free) + 1):
            for chosen in itertools.combinations(free, size):
                paid = self.cost[list(chosen)].sum() <= rules.get("budget", np.inf)
                if set(self.fixed) <= set(chosen) and size <= rules.get("p", size) and paid:
                    yield list(chosen)

    def worth(self, criterion, chosen):
        reach = self.seconds[[j for j in range(len(self.seconds)) if j not in self.forbidden]].min(axis=0)
        times, w = self.seconds[chosen].min(axis=0), self.weight
        if criterion == "mean_time":
            some = (w > 0) & np.isfinite(reach)
            return (w[some] * times[some]).sum() / w[some].sum()
        if criterion == "sites":
            return len(chosen)
        if criterion == "sites_cost":
            return self.cost[chosen].sum()
        met = np.where(times <= WITHIN, w, 0.0)
        if criterion == "coverage":
            return met.sum() / w.sum()
        parts = [np.array([d == name for d in self.district]) for name in sorted({d for d in self.district if d})]
        return min(met[part].sum() / w[part].sum() for part in parts if w[part].sum() > 0)


@st.composite
def cities(draw, *, most_sites=7):
    """Times with ties and missing ways, demand with zeros, districts, costs, fixed and forbidden sites."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sites, points = int(rng.integers(2, most_sites)), int(rng.integers(2, 11))
    seconds = rng.integers(0, 12, (sites, points)).astype(float) + rng.choice([0.0, 0.5])
    if rng.random() < 0.3:
        seconds[rng.random(seconds.shape) < 0.3] = np.inf
    weight = np.round(rng.gamma(1.0, 3.0, points) * (rng.random(points) < 0.85), int(rng.integers(0, 3)))
    seconds[:, 0] = np.where(np.isinf(seconds[:, 0]), 9.0, seconds[:, 0])
    weight[0] = 1.0
    district = ["x", *rng.choice(["x", "y", "z", ""], points - 1)]
    fixed = rng.choice(sites, int(rng.integers(0, 2)), replace=False).tolist()
    forbidden = [int(j) for j in rng.choice(sites, int(rng.integers(0, 2)), replace=False) if j not in fixed]
    forbidden = forbidden if sites - len(forbidden) >= 1 else []
    return City(seconds, weight, district, rng.integers(0, 9, sites).astype(float), fixed, forbidden)


def rules_for(city, against, rng):
    """How many sites, or how much money, where the front needs to be told."""
    if against in ("sites", "sites_cost"):
        return {}
    free = len(city.seconds) - len(city.forbidden)
    if rng.random() < 0.5:
        return {"p": int(rng.integers(max(1, len(city.fixed)), free + 1))}
    return {"budget": float(city.cost[city.fixed].sum() + rng.integers(0, 20))}


def signs(objective, against):
    return tuple(1.0 if CRITERIA[name].least else -1.0 for name in (objective, against))


@pytest.mark.parametrize(("objective", "against"), PAIRS)
@given(city=cities(), data=st.data())
@settings(max_examples=60)
def test_it_is_what_trying_every_plan_gives(objective, against, city, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rules = rules_for(city, against, rng)
    plans = list(city.plans(rules))
    sign, side = signs(objective, against)
    values = np.array([[sign * city.worth(objective, c), side * city.worth(against, c)] for c in plans]).reshape(-1, 2)
    usable = np.isfinite(values[:, 0])
    names = np.array(list("ABCDEFGHIJ"))
    drawn = {
        f"option {k}": rng.choice(len(city.seconds), rng.integers(1, len(city.seconds) + 1), False) for k in range(3)
    }
    options = Options.of({name: names[np.sort(sites)].tolist() for name, sites in drawn.items()}, status_quo="option 0")
    ask = {
        "objective": objective,
        "against": against,
        "within": WITHIN,
        "fixed": names[city.fixed].tolist(),
        "forbidden": names[city.forbidden].tolist(),
        "unreachable": "leave out",
        "points": 6,
        **rules,
    }
    if not usable.any():
        with pytest.raises(ModelError, match="no choice of sites that keeps all the rules"):
            pareto_front(city.demand, city.tt, options, **ask)
        return
    front = pareto_front(city.demand, city.tt, options, **ask)
    values = values[usable]

    def best(limit):
        return values[values[:, 1] <= side * limit + 1e-9, 0].min(initial=np.inf)

    rows = front.table
    for row in rows.itertuples():
        chosen = [names.tolist().index(site) for site in row.open_sites.split("; ")]
        assert chosen in [c for c, ok in zip(plans, usable, strict=True) if ok] or "p" in rules
        assert row.objective == pytest.approx(city.worth(objective, chosen), abs=1e-9)
        assert row.against == pytest.approx(city.worth(against, chosen), abs=1e-9)
        for limit in (row.limit, row.against):
            assert sign * row.objective == pytest.approx(best(limit), rel=2e-6, abs=1e-9)
            assert sign * row.bound <= best(limit) + 1e-9
        assert row.gap <= 1e-6
        assert row.status == "optimal"
    # The ends are the ends there are.
    assert side * rows["against"].to_numpy() @ [1] * 0 == 0 if len(rows) == 1 else True
    strict = (side * rows["against"]).min()
    assert strict == pytest.approx(values[:, 1].min(), abs=1e-9)
    assert (sign * rows["objective"]).min() == pytest.approx(values[:, 0].min(), rel=2e-6, abs=1e-9)
    if against == "sites":
        # Against sites no plan at all beats a row.
        for row in rows.itertuples():
            beats = (values[:, 0] <= sign * row.objective * (1 + 1e-9)) & (values[:, 1] < row.against)
            assert not (beats & (values[:, 0] <= sign * row.objective - 0)).any()

    for row, sites in zip(front.options.itertuples(), drawn.values(), strict=True):
        chosen = np.sort(sites).tolist()
        kept = set(city.fixed) <= set(chosen) and not set(city.forbidden) & set(chosen)
        kept &= len(chosen) <= rules.get("p", 99) and city.cost[chosen].sum() <= rules.get("budget", np.inf)
        assert row.allowed == kept
        own, spent = sign * city.worth(objective, chosen), city.worth(against, chosen)
        assert sign * row.objective == pytest.approx(own, abs=1e-9)
        right = best(spent)
        right = 0.0 if np.isinf(right) and objective == "coverage" else right
        assert sign * row.bound == pytest.approx(right, rel=2e-6, abs=1e-9)
        if own <= right + 1e-9 * max(1, abs(right)):
            assert row.gap <= 1e-6
        else:
            short = 1.0 if np.isinf(own) else (own - right) / max(abs(own), abs(right))
            assert row.gap == pytest.approx(short, abs=3e-6)
        if row.dominated_by:
            by = rows.iloc[row.dominated_by - 1]
            assert sign * by["objective"] <= own + 1e-9
            assert side * by["against"] <= side * spent + 1e-9
        elif kept and np.isfinite(own):
            assert own == pytest.approx(right, rel=2e-6, abs=1e-9)
    assert isinstance(front.sentence(), str)
