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


NAMES = np.array(list("ABCDEFGHIJ"))


class Tried:
    """Every plan of a city that keeps the rules, and what it is worth; both criteria turned so that less is better."""

    def __init__(self, city, objective, against, rules):
        self.city, self.objective, self.against, self.rules = city, objective, against, rules
        self.sign, self.side = (1.0 if CRITERIA[name].least else -1.0 for name in (objective, against))
        plans = [(c, self.turned(c)) for c in city.plans(rules)]
        self.plans = [c for c, worth in plans if np.isfinite(worth[0])]
        self.values = np.array([worth for _, worth in plans if np.isfinite(worth[0])]).reshape(-1, 2)

    def turned(self, chosen):
        return self.sign * self.city.worth(self.objective, chosen), self.side * self.city.worth(self.against, chosen)

    def best(self, limit):
        """The best objective within a limit, both turned."""
        return self.values[self.values[:, 1] <= limit + 1e-9, 0].min(initial=np.inf)

    def allows(self, chosen):
        kept = set(self.city.fixed) <= set(chosen) and not set(self.city.forbidden) & set(chosen)
        paid = self.city.cost[chosen].sum() <= self.rules.get("budget", np.inf)
        return kept and paid and len(chosen) <= self.rules.get("p", 99)


def check_points(front, tried):
    rows = front.table
    for row in rows.itertuples():
        chosen = [NAMES.tolist().index(site) for site in row.open_sites.split("; ")]
        assert chosen in tried.plans
        assert (tried.sign * row.objective, tried.side * row.against) == pytest.approx(tried.turned(chosen), abs=1e-9)
        for limit in (row.limit, row.against):
            right = tried.best(tried.side * limit)
            assert tried.sign * row.objective == pytest.approx(right, rel=2e-6, abs=1e-9)
            assert tried.sign * row.bound <= right + 1e-9
        assert row.gap <= 1e-6
        assert row.status == "optimal"
        if tried.against == "sites":  # no plan at all beats it
            as_good = tried.values[:, 0] <= tried.sign * row.objective + 1e-9
            assert tried.values[as_good, 1].min() == row.against
    # The ends are the ends there are.
    assert (tried.side * rows["against"]).min() == pytest.approx(tried.values[:, 1].min(), abs=1e-9)
    assert (tried.sign * rows["objective"]).min() == pytest.approx(tried.values[:, 0].min(), rel=2e-6, abs=1e-9)


def check_option(row, chosen, front, tried):
    own, spent = tried.turned(chosen)
    right = tried.best(spent)
    right = 0.0 if np.isinf(right) and tried.objective == "coverage" else right
    assert row.allowed == tried.allows(chosen)
    assert tried.sign * row.objective == pytest.approx(own, abs=1e-9)
    assert tried.sign * row.bound == pytest.approx(right, rel=2e-6, abs=1e-9)
    if own <= right + 1e-9:
        assert row.gap <= 1e-6
    else:
        short = 1.0 if np.isinf(own) else (own - right) / max(abs(own), abs(right))
        assert row.gap == pytest.approx(short, abs=3e-6)
    if row.dominated_by:
        by = front.table.iloc[row.dominated_by - 1]
        at, reached = tried.side * by["against"], tried.sign * by["objective"]
        assert reached <= own + 1e-9
        assert at <= spent + 1e-9
        assert reached < own or at < spent
    elif row.allowed and np.isfinite(own):
        assert own == pytest.approx(right, rel=2e-6, abs=1e-9)


@pytest.mark.parametrize(("objective", "against"), PAIRS)
@given(city=cities(), seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_it_is_what_trying_every_plan_gives(objective, against, city, seed):
    rng = np.random.default_rng(seed)
    tried = Tried(city, objective, against, rules_for(city, against, rng))
    sites = len(city.seconds)
    drawn = {f"plan {k}": np.sort(rng.choice(sites, rng.integers(1, sites + 1), replace=False)) for k in range(3)}
    options = Options.of({name: NAMES[chosen].tolist() for name, chosen in drawn.items()}, status_quo="plan 0")
    ask = {
        "objective": objective,
        "against": against,
        "within": WITHIN,
        "fixed": NAMES[city.fixed].tolist(),
        "forbidden": NAMES[city.forbidden].tolist(),
        "unreachable": "leave out",
        "points": 6,
        **tried.rules,
    }
    if not tried.plans:
        with pytest.raises(ModelError, match="no choice of sites that keeps all the rules"):
            pareto_front(city.demand, city.tt, options, **ask)
        return
    front = pareto_front(city.demand, city.tt, options, **ask)
    check_points(front, tried)
    for row, chosen in zip(front.options.itertuples(), drawn.values(), strict=True):
        check_option(row, chosen.tolist(), front, tried)
    assert front.content_hash() == pareto_front(city.demand, city.tt, options, **ask).content_hash()
    assert "'plan 0'" in front.sentence()


@given(city=cities())
@settings(max_examples=15)
def test_one_more_site_never_makes_it_worse_and_all_numbers_are_solved_when_asked(city):
    least = max(1, len(city.fixed))
    ask = {"fixed": NAMES[city.fixed].tolist(), "forbidden": NAMES[city.forbidden].tolist(), "within": WITHIN}
    numbers = list(range(least, len(city.seconds) - len(city.forbidden) + 1))
    front = pareto_front(city.demand, city.tt, objective="coverage", limits=numbers, **ask)
    assert (np.diff(front.table["objective"]) > 0).all()
    assert front.table["against"].tolist() == list(range(least, least + len(front.table)))
    assert front.settings["plans_dropped"] == len(numbers) - len(front.table)


SECONDS = 60.0 * np.array([[1, 5, 9, 9], [5, 1, 5, 9], [9, 9, 2, 1]])
DEMAND = demand_of([4, 1, 1, 3], ["x", "x", "y", "y"])


def test_what_it_says_of_the_status_quo():
    options = Options.of({"today": ["B"], "wide": ["A", "B"], "all": ["A", "B", "C"]}, status_quo="today")
    front = pareto_front(DEMAND, matrix_of(SECONDS), options)
    assert front.sentence() == (
        "'today' takes 353 s on the mean with 1 site; no allowed plan with as few sites takes less than 300 s "
        "(proven): 15.1% from the best possible. The front bends most at the plan with 2 sites that takes 93 s on "
        "the mean. Widest gap between a plan and its bound: 0.00%."
    )
    assert front.options["dominated_by"].tolist() == [1, 2, 0]
    assert front.options["best_sites"].tolist() == ["A", "A; C", "A; B; C"]
    assert front.options["gap"].round(3).tolist() == [0.151, 0.622, 0.0]
    assert list(front.to_frame())[:4] == ["sites_limit", "sites", "mean_time_s", "mean_time_s_bound"]
    assert front.summary()["plans"] == 3


def test_a_plan_with_less_that_is_as_good_is_named():
    options = Options.of({"today": ["A", "B"]}, status_quo="today")
    front = pareto_front(DEMAND, matrix_of(SECONDS), options, objective="coverage", within=300)
    assert "Already a plan with 1 site covers 66.7% within 300 s" in front.sentence()


def test_an_option_by_search_is_searched_for_and_stands_on_the_front():
    options = Options((Option("now", ("B",)), Option("best two", search={"p": 2})), "now")
    front = pareto_front(DEMAND, matrix_of(SECONDS), options)
    row = front.options.iloc[1]
    assert (row["open_sites"], row["dominated_by"]) == ("A; C", 0)
    assert row["gap"] <= 1e-6


def test_options_that_break_the_rules_are_judged_and_named():
    options = Options.of({"now": ["A", "C"], "kept": ["B", "C"]}, status_quo="now")
    front = pareto_front(DEMAND, matrix_of(SECONDS), options, forbidden=["A"])
    assert front.options["allowed"].tolist() == [False, True]
    assert front.options["gap"].tolist()[0] == 0.0
    assert "Not a plan that the rules allow: now." in front.notes


def test_plans_against_coverage_have_as_many_sites_as_the_status_quo():
    options = Options.of({"now": ["A", "B"], "one": ["C"]}, status_quo="now")
    front = pareto_front(DEMAND, matrix_of(SECONDS), options, against="worst_district", within=120)
    assert front.settings["p"] == 2
    assert (front.table["open_count"] == 2).all()
    assert front.options["allowed"].all()


def test_a_limit_of_nodes_leaves_plans_with_bounds():
    rng = np.random.default_rng(4)
    tt = matrix_of(rng.uniform(0, 900, (10, 40)), rng.integers(1, 9, 10))
    demand = demand_of(rng.integers(1, 9, 40), rng.choice(["x", "y"], 40))
    for objective, against in PAIRS:
        more = {} if against.startswith("sites") else {"p": 3}
        front = pareto_front(demand, tt, objective=objective, against=against, nodes=1, **more)
        assert np.isfinite(front.table["gap"]).all()
        assert not front.time_limited


@pytest.mark.parametrize(
    ("how", "messages"),
    [
        ({"objective": "coverage", "against": "coverage", "p": 1}, ["both 'coverage'"]),
        ({"against": "sites_cost"}, ["sites have no costs"]),
        ({"against": "worst_district", "p": 1}, ["no districts"]),
        ({"against": "coverage"}, ["p is not given"]),
        ({"against": "coverage", "p": 1, "budget": 3}, ["p and budget are both given"]),
        ({"p": 2}, ["p given against sites"]),
        ({"points": 1, "fixed": ["Z"], "gap": -1}, ["points is 1", "no site 'Z'", "gap is -1"]),
        ({"limits": []}, ["limits are []"]),
        ({"limits": [1.5]}, ["whole numbers"]),
        ({"limits": [0, 2]}, ["no plan keeps the limit 0 on sites; the least that was found is 1"]),
        ({"against": "coverage", "p": 1, "limits": [0.2, 0.9], "within": 120}, ["no plan keeps the limit 0.9"]),
        ({"against": "coverage", "p": 1, "within": -1}, ["within is -1"]),
    ],
)
def test_what_is_refused(how, messages):
    plain = demand_of([4, 1, 1, 3])
    with pytest.raises(ModelError) as refused:
        pareto_front(plain, matrix_of(SECONDS), **how)
    for message in messages:
        assert message in str(refused.value)


def test_options_that_name_unknown_sites_are_refused_together():
    options = Options.of({"now": ["A", "Y"], "then": ["Z"]}, status_quo="now")
    with pytest.raises(ModelError, match=r"(?s)'now'.*no site 'Y'.*'then'.*no site 'Z'"):
        pareto_front(DEMAND, matrix_of(SECONDS), options)


def test_a_front_that_contradicts_itself_cannot_be_made():
    front = pareto_front(DEMAND, matrix_of(SECONDS), Options.of({"now": ["B"]}, status_quo="now"))
    assert isinstance(front, ParetoFront)
    wrong = {
        "a plan passes the bound": {"table": front.table.assign(bound=front.table["objective"] + 1)},
        "beats another": {"table": front.table.assign(objective=front.table["objective"].iloc[::-1].to_numpy())},
        "not ascending": {"table": front.table.iloc[::-1].reset_index(drop=True)},
        "a gap is below 0": {"table": front.table.assign(gap=-0.1)},
        "an option passes the bound": {"options": front.options.assign(bound=front.options["objective"] + 1)},
        "the status quo 'nov' is no option": {"status_quo": "nov"},
        "against is 'size'": {"against": "size"},
        "table has the columns": {"table": front.table.drop(columns="bound")},
    }
    for message, change in wrong.items():
        with pytest.raises(ModelError, match=message):
            dataclasses.replace(front, **change)
