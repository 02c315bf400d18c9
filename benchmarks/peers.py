"""Density peers that are measured where they are installed: ``pip install 'demandgeo[benchmark]'``."""

from __future__ import annotations

import importlib.util

import numpy as np
from workloads import CRS

from demandgeo.domain import Grid


def has(module: str) -> bool:
    """Whether a peer is installed."""
    return importlib.util.find_spec(module) is not None


def libkdv(x: np.ndarray, y: np.ndarray, *, pixels: int, bandwidth: float) -> np.ndarray:
    """Epanechnikov by libkdv, as a user calls it; float64 [rows, columns], in a scale of its own.

    Its lattice is that of `libkdv_grid`: given metric bounds it swaps their axes and crashes.
    """
    from libkdv import kdv

    points = np.column_stack([x - x.min(), y - y.min()])
    made = kdv(points, GPS=False, num_threads=1, row_pixels=pixels, col_pixels=pixels, bandwidth=bandwidth).compute()
    return made["val"].to_numpy().reshape(pixels, pixels).T[::-1]


def libkdv_grid(x: np.ndarray, y: np.ndarray, pixels: int) -> Grid:
    """Return the grid whose centres are its lattice: the events' own extent, both ends included."""
    step = (np.ptp(x) / (pixels - 1), np.ptp(y) / (pixels - 1))
    inside = np.ones((pixels, pixels), bool)
    extent = np.full(inside.size, step[0] * step[1])
    return Grid(x.min() - step[0] / 2, y.max() + step[1] / 2, *step, inside, extent, CRS)


def kdepy(x: np.ndarray, y: np.ndarray, *, pixels: int, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian by KDEpy's FFTKDE on the grid that it lays around the data; its points [m, 2] and sums per m2 there."""
    from KDEpy import FFTKDE

    points, density = FFTKDE(kernel="gaussian", bw=sd).fit(np.column_stack([x, y])).evaluate((pixels, pixels))
    return points, density * x.size


def spopt_median(seconds: np.ndarray, demand: np.ndarray, p: int) -> float | None:
    """Return the p-median objective that spopt finds with CBC; None where either is missing."""
    if not (has("spopt") and has("pulp")):
        return None
    import pulp
    from spopt.locate import PMedian

    solver = pulp.PULP_CBC_CMD(msg=False)
    if not solver.available():
        return None
    model = PMedian.from_cost_matrix(np.ascontiguousarray(seconds.T, float), demand, p_facilities=p)
    return float(model.solve(solver).problem.objective.value())
