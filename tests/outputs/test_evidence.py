"""Tests, clusters and patterns on maps: their classes, their words, and that every writer takes them."""

from __future__ import annotations

import pyogrio
import pytest

from demandgeo.outputs import figures, layers, tables
from demandgeo.outputs.cartography import map_layer
from demandgeo.outputs.styles import vector_style
from demandgeo.priority import emerging, getis_ord, local_moran, scan
from tests.priority.conftest import demand_on
from tests.priority.test_emerging import cube, months

COUNTS = cube([14])[0]


def drawn(record):
    layer = map_layer(record, "made")
    return [("-", "0", *layer.classes.labels)[code + 2] for code in layer.classes.of(layer.values)], layer


def test_hot_spots_are_shaded_by_p_and_q_and_no_bar_is_named_that_was_not_drawn():
    record = getis_ord(demand_on(COUNTS))
    classes, layer = drawn(record)
    assert [text == "q up to 0.05" for text in classes] == record.significant().tolist()
    assert layer.classes.labels == ("p up to 0.05, each alone", "q up to 0.05")
    assert f"{record.significant().sum()} of 144 tested" in layer.notes[0]


def test_two_sides_have_colours_of_their_own():
    record = getis_ord(demand_on(COUNTS), alternative="two-sided")
    classes, layer = drawn(record)
    assert [text == "more, q up to 0.05" for text in classes] == (record.significant() & (record.z > 0)).tolist()
    assert [text.startswith("less") for text in classes] == ((record.p <= 0.05) & (record.z < 0)).tolist()
    assert len(set(layer.classes.colours)) == 4
    less = map_layer(getis_ord(demand_on(COUNTS), alternative="lesser"), "made")
    assert (less.unit, less.classes.zero) == ("less than chance gives", "no less than chance")


def test_moran_is_shaded_by_the_kind_of_what_is_significant():
    record = local_moran(demand_on(COUNTS))
    classes, layer = drawn(record)
    expected = [kind if sure else "0" for kind, sure in zip(record.kind, record.significant(), strict=True)]
    assert classes == expected
    assert layer.classes.zero == "not significant (q above 0.05)"
    assert layer.notes[0].startswith("Local Moran")
    assert local_moran(demand_on(COUNTS), adjust=None).q.tolist() == local_moran(demand_on(COUNTS)).p.tolist()


def test_the_normal_approximation_carries_its_warning_onto_the_map():
    assert "far from normal" in map_layer(getis_ord(demand_on(COUNTS), inference="normal"), "made").notes[1]


def test_patterns_are_classes_the_newest_highest():
    record = emerging(months(cube([1] * 7 + [14])))
    classes, layer = drawn(record)
    assert classes == ["0" if name == "no pattern" else name for name in record.pattern]
    assert layer.classes.labels[-1] == "new"
    assert len(set(layer.classes.colours)) == len(layer.classes.labels) == 8
    assert 'label="new"' in vector_style(layer)


@pytest.mark.parametrize("name", ["hot", "moran", "clusters", "history"])
def test_every_writer_takes_them(name, tmp_path):
    record = {
        "hot": lambda: getis_ord(demand_on(COUNTS), alternative="two-sided"),
        "moran": lambda: local_moran(demand_on(COUNTS)),
        "clusters": lambda: scan(demand_on(COUNTS), replicates=19, max_exposure_share=0.2),
        "history": lambda: emerging(months(cube([1] * 5 + [14] * 3))),
    }[name]()
    about = {"run": "made", "attribution": "made"}
    (picture,) = figures({name: record}, tmp_path, about=about)
    assert picture.stat().st_size > 20_000
    (package,) = layers({name: record}, tmp_path, about=about)
    read = pyogrio.read_dataframe(package, layer=name)
    assert len(read) == len(record.to_frame())
    written = tables({name: record}, tmp_path, about=about)
    assert len(written) == (2 if name in ("clusters", "history") else 0)
    if name == "clusters":
        header, first = written[0].read_text().splitlines()[:2]
        assert header.startswith("cluster,units,extent")
        assert first.startswith("0,")
        assert "most likely of" in written[1].read_text()
