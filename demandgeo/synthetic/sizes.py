"""How large a made city is, and where each of its parts gets its chance from."""

from __future__ import annotations

import zlib
from typing import Literal, NamedTuple

import numpy as np

CRS = "EPSG:27700"
CENTRE = (460_000.0, 300_000.0)
"""Easting and northing of the city's middle: on land, and otherwise arbitrary."""

FORCE = "Made City Police"

SizeName = Literal["small", "medium", "national"]


class Size(NamedTuple):
    """What one size means.

    Attributes
    ----------
    zones
        Number of zones.
    area_km2
        Area to aim at; the zones reach 90 to 99 % of it.
    spacing
        Metres between neighbouring streets; a national city has only its larger streets.
    towns, estates
        Hot cores of the two kinds.
    """

    zones: int
    area_km2: float
    spacing: float
    towns: int
    estates: int


SIZES: dict[SizeName, Size] = {
    "small": Size(zones=300, area_km2=96.0, spacing=150.0, towns=7, estates=12),
    "medium": Size(zones=1_700, area_km2=850.0, spacing=150.0, towns=14, estates=45),
    "national": Size(zones=35_000, area_km2=18_000.0, spacing=400.0, towns=150, estates=600),
}


def part_rng(seed: int, part: str) -> np.random.Generator:
    """Return the generator of one named part of the city.

    The child is spawned by the part's name and not by its turn, so that a new part leaves all others as they are.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(part.encode()),)))
