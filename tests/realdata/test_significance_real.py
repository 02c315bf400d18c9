"""Significance on real crime: what each kind of p finds, and the cluster that everybody knows."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.density import count, grid
from demandgeo.priority import getis_ord, near_repeat, scan
from demandgeo.severity import weigh
from demandgeo.sources import read_boundaries, read_police_uk

# units significant at q <= 0.05: exact, 999 permutations, normal; the district of the top cluster, its relative risk
FOUND = {
    ("west_yorkshire", "lsoa"): (2, 0, 55, "Leeds", 8.54),
    ("west_yorkshire", "grid"): (45, 0, 2282, "Leeds", 15.79),
    ("west_midlands", "lsoa"): (8, 0, 56, "Birmingham", 15.77),
    ("west_midlands", "grid"): (21, 0, 827, "Birmingham", 23.89),
}
FILES = {
    "west_yorkshire": ["2016-07-west-yorkshire-street.csv.gz", "2017-07-west-yorkshire-street.csv.gz"],
    "west_midlands": ["2018-06-west-midlands-street.reconstructed.csv"],
}


@pytest.fixture(scope="module")
def force(shared_data, tmp_path_factory):
    def read(name):
        folder = shared_data / "boundaries"
        zones = read_boundaries(
            folder / f"lsoa2011_bsc_{name}.gpkg", id="LSOA11CD", name="LSOA11NM", population="persons", group="la"
        )
        if name == "west_yorkshire":
            copies = tmp_path_factory.mktemp("months")
            for file in FILES[name]:
                (copies / file).write_bytes((shared_data / "police" / file).read_bytes())
            return zones, read_police_uk(copies, to_crs=zones.crs)
        return zones, read_police_uk(shared_data / "police" / FILES[name][0], to_crs=zones.crs)

    return read


@pytest.mark.parametrize("name", FILES)
def test_what_each_kind_of_p_finds_and_the_top_cluster(force, name):
    zones, events = force(name)
    for kind, support in (("lsoa", zones), ("grid", grid(zones, cell=250))):
        exact, drawn, normal, district, risk = FOUND[name, kind]
        demand = count(events, support)
        hot = {inference: getis_ord(demand, inference=inference) for inference in ("exact", "permutation", "normal")}
        found = {inference: int(one.significant().sum()) for inference, one in hot.items()}
        assert found == {"exact": exact, "permutation": drawn, "normal": normal}
        harm = getis_ord(count(weigh(events, index="ons-css"), support))
        assert harm.provenance["significant_at_least"] == harm.provenance["significant_at_most"]
        clusters = scan(demand, zones, replicates=99)
        top = clusters.labels == 0
        assert set(support.group.take(np.flatnonzero(top)).to_array()) == {district}
        assert clusters.table["relative_risk"][0] == pytest.approx(risk, abs=0.01)
        assert clusters.table["p"][0] == 0.01


def test_months_are_refused_for_near_repeats(force):
    from demandgeo.errors import ModelError

    _, events = force("west_midlands")
    with pytest.raises(ModelError, match="known by month"):
        near_repeat(events.where(events.category == "Burglary"))
