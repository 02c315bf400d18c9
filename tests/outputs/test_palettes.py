from __future__ import annotations

import numpy as np
import pytest

from demandgeo.outputs.palettes import ramp, rgb

# Dichromats in linear RGB: Vienot, Brettel and Mollon (1999), Color Research and Application 24(4), 243-252.
SIGHT = {
    "full": np.eye(3),
    "protan": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deutan": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
}


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as it is seen."""
    part = np.array(rgb(colour)) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(sight @ linear, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_neighbouring_colours_stay_apart_for_every_reader(n, sight):
    colours = np.array([lab(colour, SIGHT[sight]) for colour in ramp(n)])
    assert (np.diff(colours[:, 0]) < -5).all(), "lightness must fall from class to class"
    assert np.linalg.norm(np.diff(colours, axis=0), axis=1).min() > 10


@pytest.mark.parametrize("n", range(1, 12))
def test_a_ramp_has_as_many_colours_as_asked_for(n):
    assert len(set(ramp(n))) == n
