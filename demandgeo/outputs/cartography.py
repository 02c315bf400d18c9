"""What each kind of artifact is on a map: geometry, the column it is shaded by, and everything said about it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

import geopandas as gpd
import numpy as np

from demandgeo.domain import (
    Demand,
    Events,
    Grid,
    Headline,
    Network,
    PriorityAreas,
    Record,
    Support,
)
from demandgeo.outputs import beats, deployments, findings, wording
from demandgeo.outputs.classes import classify, classify_names, classify_ranks
from demandgeo.outputs.maplayers import MapLayer, demand_facts, layer_names, weighted_by

ROADS = (
    ("motorway or trunk road", ("motorway", "trunk")),
    ("primary road", ("primary",)),
    ("secondary or tertiary road", ("secondary", "tertiary")),
    ("local street", ("unclassified", "residential", "living_street", "service", "road")),
)
"""What a map tells streets apart by, most important first, and the classes of OpenStreetMap in each."""


def map_layers(artifacts: Mapping[str, Record]) -> dict[str, MapLayer]:
    """Return the layer of each artifact that has a place on a map, in the order given."""
    layers = {name: map_layer(record, name) for name, record in artifacts.items()}
    return {name: layer for name, layer in layers.items() if layer is not None}


@singledispatch
def map_layer(record: Record, name: str) -> MapLayer | None:
    """Return the layer of an artifact; None for one without geometry.

    A type without a rule of its own is shaded by the column of its ``to_frame()`` that its attribute `map_column`
    names, in the unit `map_unit`.
    """
    frame = record.to_frame() if hasattr(record, "to_frame") else None
    if not isinstance(frame, gpd.GeoDataFrame):
        return None
    column = getattr(record, "map_column", "")
    return MapLayer(
        title=wording.words(name),
        frame=frame,
        column=column,
        unit=getattr(record, "map_unit", wording.alias(column)) if column else "",
        classes=classify(frame[column].to_numpy(np.float64)) if column else None,
        label=next((key for key in ("name", "district") if key in frame), ""),
        notes=tuple(getattr(record, "notes", ())),
    )


@map_layer.register
def _network(record: Network, name: str) -> MapLayer:
    frame, streets = record.to_frame(), record.highway.take(record.unit_segment)
    road = np.array([_road_rank(highway) for highway in (*streets.names, None)])[streets.codes]
    frame.insert(frame.columns.get_loc("geometry"), "road", road)
    named = bool(road.any())
    return MapLayer(
        title=wording.words(name),
        subtitle=f"{record.n:,} {record.unit_name}, {record.length.sum() / 1e3:,.0f} km",
        frame=frame,
        column="road" if named else "",
        unit="class of road" if named else "",
        classes=classify_names([text for text, _ in ROADS[::-1]], road, "other") if named else None,
        aliases={"road": "Class of road (1 local to 4 motorway)", "highway": "Class of road in the source"},
        notes=record.ledger.notes,
        support=record,
    )


def _road_rank(highway: str | None) -> float:
    """Return 4 for a motorway down to 1 for a local street, 0 for what is none of these."""
    found = [len(ROADS) - i for i, (_, classes) in enumerate(ROADS) if (highway or "").removesuffix("_link") in classes]
    return float(found[0]) if found else 0.0


@map_layer.register
def _support(record: Support, name: str) -> MapLayer:
    return MapLayer(
        title=wording.words(name),
        subtitle=f"{record.n:,} {record.unit_name}",
        frame=record.to_frame(),
        seamless=isinstance(record, Grid),
        support=record,
    )


@map_layer.register
def _events(record: Events, name: str) -> MapLayer:
    frame = record.to_frame()
    frame.loc[~record.located, frame.geometry.name] = None
    lost = int((~record.located).sum())
    return MapLayer(
        title=wording.words(name),
        subtitle=f"{len(record):,} events ({record.kind}), {record.period}",
        frame=frame,
        aliases={"weight": f"Weight ({record.weight_name})"},
        facts={"period": record.period, "weight": record.weight_name},
        notes=(f"{lost:,} of {len(record):,} events have no location and are not drawn.",) if lost else (),
    )


@map_layer.register
def _demand(record: Demand, name: str) -> MapLayer:
    frame, unit = record.to_frame(), wording.unit(record)
    aliases = {f"value_{i + 1}": f"{label} ({unit})" for i, label in enumerate(layer_names(record))}
    left_out = wording.left_out(record)
    return MapLayer(
        title=wording.words(name if name == record.name else f"{name}: {record.name}"),
        subtitle=", ".join(filter(None, (wording.capital(unit), record.period))) + weighted_by(record),
        frame=frame,
        column="value",
        unit=unit,
        classes=classify(record.total),
        seamless=isinstance(record.support, Grid),
        aliases={"value": wording.capital(unit), **aliases},
        facts=demand_facts(record),
        notes=(left_out,) if left_out else (),
        support=record.support,
        approximate=record.balance.total_events > 0,
    )


@map_layer.register
def _areas(record: PriorityAreas, name: str) -> MapLayer:
    return MapLayer(
        title=f"{wording.words(name)}: {len(record.table)} priority area{'s' * (len(record.table) != 1)}",
        subtitle=f"Chosen on {record.demand.name} by {record.support.unit_name}, {record.demand.period}"
        f"{weighted_by(record.demand)}",
        frame=record.to_frame(),
        column="rank",
        unit="rank",
        classes=classify_ranks(len(record.table)),
        label="name",
        aliases={"demand": wording.capital(wording.amount(record.demand)), "name": "Name", "rank": "Rank"},
        facts={**demand_facts(record.demand), "certificate": record.certificate.method},
        notes=(wording.capital(record.sentence()),),
        support=record.support,
    )


@map_layer.register
def _headline(record: Headline, name: str) -> MapLayer:
    frame = record.to_frame()
    # A district with more residents has more of everything: the first rate says more than the first count.
    column = next(key for suffix in ("_rate_per_1000", "_count") for key in frame if str(key).endswith(suffix))
    return MapLayer(
        title=f"{wording.words(name)}: {record.title}",
        subtitle=f"By district: {wording.alias(column)}",
        frame=frame,
        column=column,
        unit=wording.alias(column),
        classes=classify(frame[column].to_numpy(np.float64)),
        label="district",
        notes=record.notes,
        support=record.places,
    )


map_layer.register(beats.patrol_areas_layer)
map_layer.register(findings.local_statistic_layer)
map_layer.register(findings.scan_clusters_layer)
map_layer.register(findings.emerging_layer)
map_layer.register(findings.density_regions_layer)
map_layer.register(findings.sites_layer)
map_layer.register(findings.membership_layer)
map_layer.register(findings.consensus_layer)
map_layer.register(findings.profiles_layer)
map_layer.register(deployments.time_changes_layer)
map_layer.register(deployments.location_layer)
map_layer.register(deployments.shift_plan_layer)
