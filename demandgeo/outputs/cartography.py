"""What each kind of artifact is on a map: geometry, the column it is shaded by, and everything said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import cast

import geopandas as gpd
import numpy as np
import shapely

from demandgeo.domain import (
    Consensus,
    Demand,
    DensityRegions,
    EmergingAreas,
    Events,
    Grid,
    Headline,
    LocalStatistic,
    Membership,
    Network,
    PriorityAreas,
    Profiles,
    Record,
    ScanClusters,
    Sites,
    Support,
)
from demandgeo.domain.record import Floats, Mask
from demandgeo.outputs import wording
from demandgeo.outputs.classes import Classes, classify, classify_names, classify_ranks
from demandgeo.outputs.evidence import evidence, evidence_notes, patterns
from demandgeo.outputs.palettes import GROUND, STREET

KINDS = ("fill", "line", "marker")

ROADS = (
    ("motorway or trunk road", ("motorway", "trunk")),
    ("primary road", ("primary",)),
    ("secondary or tertiary road", ("secondary", "tertiary")),
    ("local street", ("unclassified", "residential", "living_street", "service", "road")),
)
"""What a map tells streets apart by, most important first, and the classes of OpenStreetMap in each."""


@dataclass(frozen=True, slots=True)
class MapLayer:
    """One layer of a map, ready to draw or to write.

    Parameters
    ----------
    title, subtitle
        For people.
    frame
        Rows with their geometry.
    column, unit, classes
        The column that shades it, its unit and its classes; ``""`` and None where one symbol serves all.
    label
        Column that names a feature on the map; ``""`` for none.
    seamless
        Whether its shapes are cells, which are drawn without outlines.
    aliases
        Column names for people, beyond the usual ones.
    facts
        Measure, period, method and what else describes the numbers.
    notes
        Sentences a reader must see beside the map.
    support
        The places, for the outline of the study area; None if they are not known.
    approximate
        Whether it shows recorded points, which a reader must not take for addresses.
    """

    title: str
    frame: gpd.GeoDataFrame
    subtitle: str = ""
    column: str = ""
    unit: str = ""
    classes: Classes | None = None
    label: str = ""
    seamless: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    support: Support | None = None
    approximate: bool = True

    @property
    def kind(self) -> str:
        """``fill``, ``line`` or ``marker``."""
        dimension = shapely.get_dimensions(self.frame.geometry.to_numpy()).max(initial=-1)
        return KINDS[2 - dimension] if dimension >= 0 else KINDS[0]

    @property
    def drawn(self) -> Mask:
        """The rows that have a place: bool [n]."""
        return cast(Mask, (self.frame.geometry.notna() & ~self.frame.geometry.is_empty).to_numpy())

    @property
    def zero_colour(self) -> str:
        """Of what holds nothing: streets are drawn all the same, or nobody would know the town."""
        return STREET if self.kind == "line" else GROUND

    @property
    def values(self) -> Floats:
        """float64 [n]: what shades each row."""
        return cast(Floats, self.frame[self.column].to_numpy(np.float64))

    def alias(self, column: str) -> str:
        """Return the name of a column for people."""
        return self.aliases.get(column) or wording.alias(column)

    def described(self, about: Mapping[str, str]) -> dict[str, str]:
        """Everything that is known about the layer, then about the run; of its own facts it has the last word."""
        own = {**self.facts, "title": self.title, "subtitle": self.subtitle, "unit": self.unit}
        own["notes_on_layer"] = " ".join(self.notes)
        run = {("run_title" if key == "title" else key): value for key, value in about.items()}
        return {key: value for key, value in {**own, **run, **own}.items() if value}


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
        subtitle=", ".join(filter(None, (wording.capital(unit), record.period))) + _weighted(record),
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
        f"{_weighted(record.demand)}",
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


def layer_names(demand: Demand) -> list[str]:
    """Return what each layer of demand with several is called: its category and period."""
    rows = cast("list[tuple[object, ...]]", list(demand.layers.itertuples(index=False)))
    return [" ".join(str(part) for part in row if str(part) not in ("", "nan", "None")) for row in rows]


def demand_facts(demand: Demand) -> dict[str, str]:
    """Return what describes the numbers: measure, weight, period, places, and provenance."""
    return {
        **{key: str(value) for key, value in sorted(demand.provenance.items()) if np.isscalar(value)},
        "measure": demand.measure,
        "weight": demand.weight_name,
        "period": demand.period,
        "places": f"{demand.support.n} {demand.support.unit_name}",
    }


def _weighted(demand: Demand) -> str:
    return "" if demand.is_count else f", weighted by {demand.weight_name}"


@map_layer.register
def _local_statistic(record: LocalStatistic, name: str) -> MapLayer:
    values, classes = evidence(record)
    frame = record.to_frame()
    frame.insert(frame.columns.get_loc("geometry"), "evidence", values)
    side = record.provenance.get("alternative", "greater")
    unit = {"greater": "more than chance gives", "lesser": "less than chance gives"}.get(side, "against chance")
    return MapLayer(
        title=f"{wording.words(name)}: where {record.name} stands out",
        subtitle=f"Tested against {record.provenance.get('null', 'chance')}",
        frame=frame,
        column="evidence",
        unit="value among its neighbours" if record.kind is not None else unit,
        classes=classes,
        seamless=isinstance(record.support, Grid),
        aliases={"statistic": wording.capital(record.measure), "evidence": "Evidence (class of the legend)"},
        facts={key: str(value) for key, value in sorted(record.provenance.items()) if np.isscalar(value)},
        notes=evidence_notes(record),
        support=record.support,
    )


@map_layer.register
def _scan_clusters(record: ScanClusters, name: str) -> MapLayer:
    frame = record.to_frame()
    number = len(frame)
    frame["cluster"] += 1
    facts = {key: str(value) for key, value in sorted(record.provenance.items()) if np.isscalar(value)}
    return MapLayer(
        title=f"{wording.words(name)}: {number} cluster{'s' * (number != 1)} of {record.name}",
        subtitle=f"Poisson scan, {record.provenance.get('window', '')} windows; expected "
        f"{record.provenance.get('null', 'by chance')}",
        frame=frame,
        column="relative_risk",
        unit="times the rate outside",
        classes=classify(frame["relative_risk"].to_numpy(np.float64)),
        label="cluster",
        aliases={"relative_risk": "Relative risk (rate inside over outside)", "radius_m": "Radius (m)"},
        facts=facts,
        notes=(
            wording.capital(record.sentence()),
            "Clusters are numbered by how little chance explains them; p holds for the whole map. Events are taken as "
            "independent: crimes in series make p too small.",
        ),
        support=record.support,
    )


@map_layer.register
def _emerging(record: EmergingAreas, name: str) -> MapLayer:
    values, classes = patterns(record)
    frame = record.to_frame()
    frame.insert(frame.columns.get_loc("geometry"), "class", values)
    hot = int((values > 0).sum())
    return MapLayer(
        title=f"{wording.words(name)}: how hot spots of {record.name} came and went",
        subtitle=f"{len(record.periods)} periods, {record.periods[0]} to {record.periods[-1]}, by "
        f"{record.support.unit_name}",
        frame=frame,
        column="class",
        unit="hot spot",
        classes=classes,
        seamless=isinstance(record.support, Grid),
        aliases={
            "class": "Class of the legend",
            "trend": "Trend of the score (Kendall's tau)",
            "trend_p": "p of trend",
        },
        facts={key: str(value) for key, value in sorted(record.provenance.items()) if np.isscalar(value)},
        notes=(f"{hot:,} of {record.support.n:,} {record.support.unit_name} are or were hot spots by these rules.",),
        support=record.support,
    )


@map_layer.register
def _density_regions(record: DensityRegions, name: str) -> MapLayer:
    frame = record.to_frame()
    frame.insert(0, "size", np.arange(len(frame), 0, -1, dtype=np.float64))
    return MapLayer(
        title=f"{wording.words(name)}: the least area that holds a share of demand",
        frame=frame.iloc[::-1].reset_index(drop=True),  # the larger below the smaller
        column="size",
        unit="holds",
        classes=classify_names(
            [f"{share:.0%} of demand" for share in record.table["share"][::-1]], frame["size"].to_numpy()
        ),
        aliases={"size": "Order (the smallest is highest)", "lowest": "Least density in it"},
        support=record.support,
    )


@map_layer.register
def _sites(record: Sites, name: str) -> MapLayer:
    frame, column = record.to_frame(), record.map_column
    return MapLayer(
        title=f"{wording.words(name)}: {len(frame):,} site{'s' * (len(frame) != 1)}",
        subtitle=f"{wording.capital(record.map_unit)}, {record.weight_name}",
        frame=frame,
        column=column,
        unit=record.map_unit,
        classes=classify(frame[column].to_numpy(np.float64)),
        label="name",
        facts={key: str(value) for key, value in sorted(record.model.items()) if np.isscalar(value)},
        notes=(wording.capital(record.sentence()), *record.notes),
        support=record.network,
    )


@map_layer.register
def _membership(record: Membership, name: str) -> MapLayer:
    frame = record.to_frame()
    standing = frame["standing"].map({"seldom": 1.0, "fringe": 2.0, "core": 3.0})
    frame.insert(frame.columns.get_loc("geometry"), "sureness", standing)
    names = ("seldom: below 50%", "fringe: 50% to 90%", "core: 90% and more")
    return MapLayer(
        title=f"{wording.words(name)}: how surely each place is a priority",
        subtitle=f"Chosen in so many of {len(record.draws)} redraws of {record.areas.demand.period}"
        f"{_weighted(record.areas.demand)}",
        frame=frame,
        column="sureness",
        unit="chosen in redraws",
        classes=classify_names(names, standing.to_numpy()),
        seamless=isinstance(record.support, Grid),
        aliases={
            "probability": "Probability of being a priority (0 to 1)",
            "area": "Area of the plan (-1 none)",
            "sureness": "Standing (1 seldom, 2 fringe, 3 core)",
        },
        facts=demand_facts(record.areas.demand),
        notes=(record.sentence(),),
        support=record.support,
    )


@map_layer.register
def _consensus(record: Consensus, name: str) -> MapLayer:
    frame = record.to_frame()
    levels = np.digitize(frame["chosen_share"].to_numpy(), [0.25, 0.5, 0.75, 1.0 - 1e-9]) + 1.0
    frame.insert(frame.columns.get_loc("geometry"), "agreement", levels)
    names = ("up to a quarter", "a quarter to half", "half to three quarters", "three quarters and more", "all")
    return MapLayer(
        title=f"{wording.words(name)}: what hangs on the grid and what does not",
        subtitle=f"Ways to cut the study area that choose a place, of {len(record.table)}",
        frame=frame,
        column="agreement",
        unit="of the ways",
        classes=classify_names(names, levels),
        seamless=True,
        aliases={"chosen_share": "Share of the variants that choose it (0 to 1)", "agreement": "Agreement (5 all)"},
        notes=(record.sentence(),),
        support=record.grid,
    )


@map_layer.register
def _profiles(record: Profiles, name: str) -> MapLayer:
    frame = record.to_frame()
    return MapLayer(
        title=f"{wording.words(name)}: {len(frame)} area{'s' * (len(frame) != 1)} in profile",
        subtitle=f"Chosen on {record.areas.demand.name} by {record.areas.support.unit_name}",
        frame=frame,
        column="rank",
        unit="rank",
        classes=classify_ranks(len(frame)),
        label="name",
        aliases={
            "name": "Name",
            "rank": "Rank",
            "places": "Streets or zones that hold most",
            "district_share": "Share of the district's demand (0 to 1)",
            "main_category": "Main category",
            "main_category_share": "Share of the main category (0 to 1)",
            "before": "Events before (n)",
            "change": "Change of events per month (0.1 is 10% more)",
            "change_low": "Change, lower limit",
            "change_high": "Change, upper limit",
            "ksi": "Killed or seriously injured",
        },
        facts=demand_facts(record.areas.demand),
        notes=record.notes,
        support=record.areas.support,
    )
