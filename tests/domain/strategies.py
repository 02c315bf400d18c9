"""Random records for the property tests, small enough to draw by the thousand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from demandgeo.domain import (
    Balance,
    Bandwidth,
    Certificate,
    Consensus,
    Demand,
    DensityRegions,
    EmergingAreas,
    Events,
    FileLedger,
    Grid,
    Holdout,
    Labels,
    Ledger,
    LocalStatistic,
    Membership,
    Neighbours,
    Network,
    PriorityAreas,
    Profiles,
    ScanClusters,
    Sites,
    Snapped,
    Table,
    Zones,
)
from demandgeo.domain.areas import AREA_COLUMNS
from demandgeo.domain.clusters import CLUSTER_COLUMNS
from demandgeo.domain.consensus import VARIANT_COLUMNS
from demandgeo.domain.membership import DRAW_COLUMNS
from demandgeo.domain.patterns import PATTERN_COLUMNS, PATTERNS
from demandgeo.domain.profiles import PROFILE_COLUMNS
from demandgeo.domain.regions import REGION_COLUMNS

CRS = "EPSG:27700"
metres = st.floats(0, 700_000, allow_subnormal=False)
amounts = st.floats(0, 1e6, allow_subnormal=False)
counts = st.integers(0, 50)
words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=6)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | words


def floats(n: int | tuple[int, ...], elements=amounts):
    return hnp.arrays(np.float64, n, elements=elements)


def labels(n: int | None = None):
    column = st.lists(st.none() | words, min_size=n or 0, max_size=8 if n is None else n)
    return column.map(Labels.of)


mappings = st.dictionaries(
    words,
    st.recursive(
        scalars | floats(3) | labels(),
        lambda inner: st.dictionaries(words, inner, max_size=2) | st.lists(inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)


@st.composite
def file_ledgers(draw) -> FileLedger:
    used, malformed = draw(counts), draw(counts)
    excluded = draw(st.dictionaries(words, st.integers(0, 3), max_size=3))
    parsed = used + sum(excluded.values())
    return FileLedger(
        file=draw(words),
        sha256=draw(words),
        lines=parsed + malformed,
        parsed=parsed,
        malformed=malformed,
        used=used,
        unlocated=draw(st.integers(0, used)),
        excluded=excluded,
        repaired=draw(st.dictionaries(words, counts, max_size=2)),
    )


@st.composite
def ledgers(draw) -> Ledger:
    files = tuple(draw(st.lists(file_ledgers(), max_size=3)))
    rows = [
        (account.file, line, reason, None)
        for account in files
        for reason, count in account.excluded.items()
        for line in range(count)
    ]
    return Ledger(
        files=files,
        excluded_rows=pd.DataFrame(rows, columns=["file", "line", "reason", "value"]),
        ignored=tuple(draw(st.lists(words, max_size=2))),
        transform=draw(mappings),
    )


@st.composite
def events(draw, n: int | None = None) -> Events:
    n = draw(st.integers(0, 6)) if n is None else n
    located = draw(hnp.arrays(np.bool_, n))
    x, y = (np.where(located, draw(floats(n, metres)), np.nan) for _ in "xy")
    months = draw(hnp.arrays(np.int64, n, elements=st.integers(500, 600)))
    return Events(
        x=x,
        y=y,
        time=months.astype("datetime64[M]").astype("datetime64[s]"),
        category=draw(labels(n)),
        weight=draw(floats(n)),
        weight_sd=draw(floats(n)),
        weight_name=draw(words),
        ids=draw(labels(n)),
        zone_code=draw(labels(n)),
        crs=CRS,
        attributes={draw(words): draw(floats(n)), "place/of work": draw(labels(n))},
        ledger=draw(ledgers()),
    )


@st.composite
def zones(draw, most: int = 5) -> Zones:
    """Columns of rectangles that share borders, some apart, in any order."""
    n = draw(st.integers(1, most))
    west = np.cumsum(draw(hnp.arrays(np.int64, n, elements=st.sampled_from([100, 300, 900])))).astype(float)
    width = np.diff([*west, west[-1] + 100]) * draw(hnp.arrays(np.float64, n, elements=st.sampled_from([1.0, 0.5])))
    height = draw(hnp.arrays(np.int64, n, elements=st.integers(50, 500))).astype(float)
    codes = draw(st.lists(words, min_size=n, max_size=n, unique=True))
    return Zones(
        polygons=shapely.box(west, 0.0, west + width, height),
        ids=np.array(codes),
        crs=CRS,
        population=draw(st.none() | floats(n)),
        group=draw(st.none() | labels(n)),
    )


@st.composite
def grids(draw) -> Grid:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    inside = draw(hnp.arrays(np.bool_, shape))
    inside[0, 0] = True
    n = int(inside.sum())
    extent = draw(floats(n, st.floats(1, 200 * 100)))
    return Grid(draw(metres), draw(metres), 200.0, 100.0, inside, extent, CRS, draw(st.none() | labels(n)))


@st.composite
def networks(draw) -> Network:
    """Straight and bent streets between a few places: loops, parallels, dead ends and separate parts."""
    n, m = draw(st.integers(2, 5)), draw(st.integers(1, 7))
    place = np.column_stack([np.arange(n) * 97.0, draw(hnp.arrays(np.int64, n, elements=st.integers(0, 9))) * 31.0])
    lines, straight = [], set()
    for street in range(m):
        start, end = (draw(st.integers(0, n - 1)) for _ in "uv")
        by = place[start] + np.array([3.0 + street, 40.0 + 7.0 * street])
        bent = [place[start], by, by + np.array([11.0, 0.0]), place[end]]
        # Straight between places side by side, and once: what lies on another street would touch it everywhere.
        pair = (min(start, end), max(start, end))
        bend = abs(start - end) != 1 or pair in straight or draw(st.booleans())
        straight |= set() if bend else {pair}
        lines.append(shapely.LineString(bent if bend else [place[start], place[end]]))
    return Network.from_lines(
        np.array(lines, dtype=object),
        crs=CRS,
        highway=draw(labels(m)),
        name=draw(labels(m)),
        forward=draw(hnp.arrays(np.bool_, m)),
        speed_forward=draw(floats(m, st.floats(1, 120))),
        lixel=draw(st.sampled_from([0.0, 25.0])),
        district=draw(st.none() | labels(m)),
        attributes={draw(words): draw(floats(m)), "surface": draw(labels(m))},
        ledger=draw(ledgers()),
    )


@st.composite
def snapped(draw) -> Snapped:
    net, found = draw(networks()).segments(), draw(events())
    segment = np.where(
        found.located, draw(hnp.arrays(np.int64, len(found), elements=st.integers(-1, len(net.start) - 1))), -1
    )
    on = segment >= 0
    share = [np.where(on, draw(floats(len(found), st.floats(0, 1))), np.nan) for _ in range(3)]
    return Snapped(found, net, segment, share[0] * net.length[segment], share[1], share[2], 50.0)


@st.composite
def balances(draw) -> Balance:
    return Balance(draw(hnp.arrays(np.int64, 4, elements=counts)), draw(floats(4)))


@st.composite
def demands(draw) -> Demand:
    support = draw(grids() | zones() | networks())
    layers = draw(st.integers(0, 3))
    values = draw(floats(support.n) if not layers else floats((layers, support.n)))
    table = pd.DataFrame({"category": ["a"] * layers, "period": [f"2018-{i + 1:02}" for i in range(layers)]})
    return Demand(
        support=support,
        values=values,
        measure="weight",
        balance=draw(balances()),
        weight_name=draw(words),
        period=draw(words),
        count=draw(st.none() | floats(support.n)),
        layers=table,
        provenance=draw(mappings),
    )


@st.composite
def areas(draw) -> PriorityAreas:
    demand = draw(demands())
    labels_ = np.full(demand.support.n, -1)
    labels_[0] = 0
    row = [0, 1, "é", 1, 2.0, 0.5, 3.0, 0.25, 7]
    return PriorityAreas(
        demand, labels_, pd.DataFrame([row], columns=list(AREA_COLUMNS)), Certificate(1.0, 0.5, "exact"), draw(mappings)
    )


@st.composite
def neighbours(draw, n: int = 6) -> Neighbours:
    pairs = sorted(draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1]))))
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    return Neighbours.from_pairs(n, first, second, draw(floats(len(pairs))))


@st.composite
def tables(draw) -> Table:
    n = draw(st.integers(0, 4))
    rows = pd.DataFrame(
        {
            "a name": draw(st.lists(st.none() | words, min_size=n, max_size=n)),
            "share": draw(floats(n)),
            "month": np.arange(n).astype("datetime64[s]"),
            "flag": draw(hnp.arrays(np.bool_, n)),
            "maybe": [None] * n,
            "kind": pd.Categorical(["x"] * n, categories=["x", "y"]),
        },
        index=range(10, 10 + n),
    )
    return Table(draw(words), rows, tuple(draw(st.lists(words, max_size=2))), draw(mappings))


@st.composite
def bandwidths(draw) -> Bandwidth:
    curve = sorted(draw(st.sets(st.floats(1, 5000), min_size=1, max_size=5)))
    rows = pd.DataFrame({"bandwidth_m": curve, "score": draw(floats(len(curve)))})
    return Bandwidth(draw(words), rows, (), draw(mappings), draw(st.sampled_from(curve)))


@st.composite
def sites(draw) -> Sites:
    network, n = draw(networks()).segments(), draw(st.integers(0, 3))
    table = pd.DataFrame(
        {
            "rank": np.arange(1, n + 1),
            "site": [f"{i}é" for i in range(n)],
            "kind": ["segment"] * n,
            "name": draw(st.lists(words, min_size=n, max_size=n)),
            "length_m": draw(floats(n)),
            "observed": draw(floats(n)),
            "expected": draw(floats(n)),
            "excess": draw(floats(n)) - 1.0,
            "p_excess": [np.nan] * n,
        }
    )
    return Sites(
        network=network,
        geometry=network.geometry()[np.zeros(n, int)],
        table=table,
        segment=np.zeros(n, int),
        node=np.full(n, -1),
        name=draw(words),
        weight_name=draw(words),
        period=draw(words),
        years=draw(st.floats(0, 9)),
        balance=draw(balances()),
        model=draw(mappings),
        residuals=pd.DataFrame({"value": draw(floats(n))}),
        notes=tuple(draw(st.lists(words, max_size=2))),
    )


@st.composite
def holdouts(draw) -> Holdout:
    shares = draw(st.tuples(*[st.floats(0, 1)] * 4))
    table = pd.DataFrame({"area": [0], "events": [3]})
    return Holdout(draw(words), draw(words), "count", *shares, draw(balances()), table)


@st.composite
def local_statistics(draw) -> LocalStatistic:
    support = draw(grids() | zones() | networks())
    known = draw(hnp.arrays(bool, support.n))
    parts = [draw(floats(support.n)), *(draw(floats(support.n, st.floats(2**-30, 1))) for _ in range(3))]
    z, p, q = (np.where(known, part, np.nan) for part in parts[1:])
    kind = draw(st.none() | st.just(Labels(np.where(known, 0, -1), ("high among high",))))
    return LocalStatistic(support, parts[0], z, p, q, draw(words), draw(words), draw(mappings), kind)


@st.composite
def density_regions(draw) -> DensityRegions:
    support = draw(grids() | zones() | networks())
    labels = draw(hnp.arrays(np.int64, support.n, elements=st.integers(-1, 1)))
    table = pd.DataFrame({name: [1, 2] if name == "units" else draw(floats(2)) for name in REGION_COLUMNS})
    return DensityRegions(support, labels, table, draw(mappings))


@st.composite
def scan_clusters(draw) -> ScanClusters:
    support = draw(grids() | zones())
    labels = np.full(support.n, -1)
    labels[draw(st.integers(0, support.n - 1))] = 0
    columns = {name: draw(floats(1)) for name in CLUSTER_COLUMNS} | {"cluster": [0], "units": [1], "p": [0.01]}
    return ScanClusters(support, labels, pd.DataFrame(columns), draw(words), draw(mappings))


@st.composite
def emerging_areas(draw) -> EmergingAreas:
    support = draw(grids() | zones())
    pattern = Labels(draw(hnp.arrays(np.int32, support.n, elements=st.integers(-1, len(PATTERNS) - 1))), PATTERNS)
    hot = draw(hnp.arrays(np.int64, support.n, elements=st.integers(0, 2)))
    trend, p = (np.where(pattern.present, draw(floats(support.n)), np.nan) for _ in range(2))
    table = pd.DataFrame({name: draw(floats(len(PATTERNS))) for name in PATTERN_COLUMNS}).assign(pattern=PATTERNS)
    return EmergingAreas(support, pattern, hot, trend, p, table, ("2018-01", "2018-02"), draw(words), draw(mappings))


@st.composite
def memberships(draw) -> Membership:
    plan = draw(areas())
    rows = [(number, *draw(floats(2, st.floats(0, 1)))) for number in range(draw(st.integers(1, 3)))]
    table = pd.DataFrame(rows, columns=list(DRAW_COLUMNS))
    chance = draw(floats(plan.support.n, st.floats(0, 1)))
    return Membership(plan, chance, table, draw(st.floats(0, 1)), draw(mappings))


@st.composite
def profiles(draw) -> Profiles:
    plan = draw(areas())
    columns = {name: draw(floats(1)) for name in (*PROFILE_COLUMNS, "demand_a b", "month_2018-01")}
    texts = {name: [draw(words)] for name in ("name", "places", "district", "main_category", "trend")}
    return Profiles(plan, pd.DataFrame(columns | texts), tuple(draw(st.lists(words, max_size=2))))


@st.composite
def consensuses(draw) -> Consensus:
    grid = draw(grids())
    columns = {name: [draw(words)] if name in ("variant", "sentence") else draw(floats(1)) for name in VARIANT_COLUMNS}
    return Consensus(grid, draw(floats(grid.n, st.floats(0, 1))), pd.DataFrame(columns), draw(mappings))


RECORDS = {
    "Labels": labels(),
    "FileLedger": file_ledgers(),
    "Ledger": ledgers(),
    "Events": events(),
    "Zones": zones(),
    "Grid": grids(),
    "Balance": balances(),
    "Bandwidth": bandwidths(),
    "Demand": demands(),
    "Certificate": st.builds(Certificate, amounts, amounts, words),
    "PriorityAreas": areas(),
    "Holdout": holdouts(),
    "Neighbours": neighbours(),
    "Network": networks(),
    "Sites": sites(),
    "Snapped": snapped(),
    "Table": tables(),
    "LocalStatistic": local_statistics(),
    "DensityRegions": density_regions(),
    "ScanClusters": scan_clusters(),
    "EmergingAreas": emerging_areas(),
    "Membership": memberships(),
    "Profiles": profiles(),
    "Consensus": consensuses(),
}
