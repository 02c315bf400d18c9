"""Seeded inputs that every benchmark shares. All of them are made up; they have the shape of open police data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay

from demandgeo.domain import Balance, Demand, Events, Grid, Labels, Network

CRS = "EPSG:27700"
SEED = 20150401


@dataclass(frozen=True)
class Force:
    """Crimes of a large force on its snap points, and the raster they are smoothed on."""

    name: str
    events: Events
    grid: Grid


def force(n: int, *, pixels: int = 1000, snap_points: int = 35_000, clusters: int = 60) -> Force:
    """Return n crimes in 40 x 30 km: snap points in clusters over a background, their popularity Zipf (0.8)."""
    rng = np.random.default_rng(SEED)
    size = np.array([40_000.0, 30_000.0])
    background = rng.uniform(0, size, (snap_points // 3, 2))
    centre = rng.uniform(0, size, (clusters, 2))[rng.integers(clusters, size=snap_points - len(background))]
    points = np.vstack([background, rng.normal(centre, 1_200)]).round(1) + np.array([400_000.0, 280_000.0])
    points = points[rng.permutation(snap_points)]
    popularity = 1 / np.arange(1, snap_points + 1) ** 0.8
    x, y = points[rng.choice(snap_points, n, p=popularity / popularity.sum())].T
    time = np.full(n, "2018-07", "datetime64[s]")
    name = f"{n:,} events, {pixels} x {pixels} pixels"
    return Force(name, Events.at(x, y, crs=CRS, time=time), _frame(pixels))


def distinct(n: int, *, pixels: int = 1000) -> Force:
    """Return n events in the same frame, no two of them in one place."""
    rng = np.random.default_rng(SEED)
    x, y = rng.uniform((400_000.0, 280_000.0), (440_000.0, 310_000.0), (n, 2)).T
    time = np.full(n, "2018-07", "datetime64[s]")
    return Force(f"{n:,} events, each in its own place", Events.at(x, y, crs=CRS, time=time), _frame(pixels))


def layered(n: int, *, pixels: int = 1000) -> Force:
    """Return the crimes of a force, of 14 types in 12 months."""
    rng, work = np.random.default_rng(SEED + 1), force(n, pixels=pixels)
    kind = Labels(rng.integers(14, size=n).astype(np.int32), tuple(f"type {i:02}" for i in range(14)))
    month = np.datetime64("2018-01", "M") + rng.integers(12, size=n)
    events = Events.at(work.events.x, work.events.y, crs=CRS, time=month.astype("datetime64[s]"), category=kind)
    return Force(f"{n:,} events of 14 types in 12 months", events, work.grid)


TERRAINS = {
    # Standard deviation of the log intensity by scale in cells: hot cores on a smooth ground, or single busy cells.
    "smooth": ((0.8, 6.0), (0.6, 2.5), (0.95, 1.0)),
    "fragmented": ((1.2, 3.0), (1.5, 0.0)),
    "more fragmented": ((0.8, 6.0), (1.7, 0.0)),
}


def terrain(kind: str, side: int, events: int, seed: int = SEED) -> Demand:
    """Return Poisson counts on side x side cells of 250 m, of an intensity that is log-Gaussian at several scales."""
    rng, log = np.random.default_rng(seed), np.zeros((side, side))
    for deviation, scale in TERRAINS[kind]:
        noise = rng.normal(size=(side, side))
        if scale:
            noise = gaussian_filter(noise, scale, mode="wrap") * scale * 2 * np.sqrt(np.pi)
        log += deviation * noise
    intensity = np.exp(log)
    values = rng.poisson(intensity / intensity.sum() * events).astype(float).ravel()
    grid = Grid.covering((0, 0, 250 * side, 250 * side), cell=250, crs=CRS)
    balance = Balance(np.array([values.sum(), 0, 0, 0]).astype(np.int64), np.array([values.sum(), 0, 0, 0]))
    return Demand(grid, values, "incidents", balance, "count", "made", count=values)


def _frame(pixels: int) -> Grid:
    # Not Grid.covering: 30,000 / 1,000 metres are not a divisor of the edges, which would make 1,001 rows.
    inside, cell = np.ones((pixels, pixels), bool), (40_000 / pixels, 30_000 / pixels)
    return Grid(400_000.0, 310_000.0, *cell, inside, np.full(inside.size, cell[0] * cell[1]), CRS)


def made_roads(nodes: int, *, edges: float = 2.5) -> Network:
    """Return roads of a region: villages over a background, so many directed edges per node, 24 arterial lines.

    A spanning tree of the Delaunay triangulation and some more of its edges; 1 in 21 is one-way, so that some places
    cannot be reached, or left.
    """
    rng = np.random.default_rng(SEED)
    side = 30_000.0 * np.sqrt(nodes / 100_000)
    centre = rng.normal(side / 2, side / 5, (40, 2))[rng.integers(40, size=nodes // 2)]
    place = np.vstack([rng.uniform(0, side, (nodes - len(centre), 2)), rng.normal(centre, side / 20)])
    place = np.clip(place, 0, side) + rng.normal(0, 0.1, (nodes, 2)) + np.array([400_000.0, 280_000.0])
    corner = Delaunay(place).simplices
    pairs = np.unique(np.sort(np.vstack([corner[:, [0, 1]], corner[:, [1, 2]], corner[:, [0, 2]]]), axis=1), axis=0)
    metres = np.hypot(*(place[pairs[:, 0]] - place[pairs[:, 1]]).T) + 1.0
    tree = minimum_spanning_tree(csr_matrix((metres, tuple(pairs.T)), (nodes, nodes))).tocoo()
    kept = np.isin(pairs @ [nodes, 1], np.sort([tree.row, tree.col], axis=0).T @ [nodes, 1])
    streets = round(edges * nodes * 0.512)
    short = np.flatnonzero(~kept & (metres < np.quantile(metres[~kept], 0.8)))
    kept[rng.choice(short, streets - kept.sum(), replace=False)] = True
    start, end = pairs[kept].T
    speed = rng.choice([20.0, 30.0, 30.0], streets) * 1.609344
    middle = (place[start] + place[end]) / 2 - place.mean(axis=0)
    for angle, offset in zip(rng.uniform(0, np.pi, 24), rng.uniform(-side / 3, side / 3, 24), strict=True):
        speed[np.abs(middle @ [np.sin(angle), -np.cos(angle)] - offset) < 80] = (
            rng.choice([40.0, 50.0, 60.0]) * 1.609344
        )
    backward = np.ones(streets, bool)
    backward[rng.choice(streets, 2 * streets - round(edges * nodes), replace=False)] = False
    return Network.from_lines(
        shapely.linestrings(np.stack([place[start], place[end]], axis=1)),
        crs=CRS,
        nodes=(start, end, place[:, 0], place[:, 1]),
        backward=backward,
        speed_forward=speed,
        speed_backward=speed,
    )
