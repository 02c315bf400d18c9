"""Seeded inputs that every benchmark shares. All of them are made up; they have the shape of open police data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from demandgeo.domain import Balance, Demand, Events, Grid, Labels

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
