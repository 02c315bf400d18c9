"""What deployment is on a map: who gains and loses, which sites open, who patrols where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demandgeo.domain import Grid, Location, ShiftPlan, TimeChanges
from demandgeo.outputs import wording
from demandgeo.outputs.classes import classify_names
from demandgeo.outputs.maplayers import MapLayer
from demandgeo.outputs.palettes import CHANGES, LINE, ramp

LARGE = 300.0
"""Seconds: a change that anybody would notice."""


def time_changes_layer(record: TimeChanges, _name: str) -> MapLayer:
    """Shade places by how much longer, or less, help takes."""
    margin, change = record.margin, record.change
    steps = [change < -LARGE, record.better, change == np.inf, change > LARGE, record.worse]
    level = np.select(steps, [1.0, 2.0, 5.0, 4.0, 3.0], 0.0)
    frame = record.to_frame()
    frame.insert(frame.columns.get_loc("geometry"), "class", level)
    names = (
        f"sooner by more than {LARGE / 60:g} min",
        f"sooner by more than {margin / 60:g} min",
        f"later by more than {margin / 60:g} min",
        f"later by more than {LARGE / 60:g} min",
        "nobody comes any more",
    )
    used = 5 if (level == 5.0).any() else 4
    classes = classify_names(names[:used], level, f"within {margin / 60:g} min of before")
    return MapLayer(
        title=f"Who gains and who loses by {record.option}",
        subtitle=f"Travel time to each of {record.support.n:,} {record.support.unit_name}, against {record.status_quo}",
        frame=frame,
        column="class",
        unit="help comes",
        classes=replace(classes, colours=CHANGES[:used]),
        seamless=isinstance(record.support, Grid),
        aliases={
            "before_min": f"Minutes under {record.status_quo}",
            "after_min": f"Minutes under {record.option}",
            "change_min": "Change (minutes, above 0 is later)",
            "demand": f"Demand ({record.measure})",
            "residents": "Residents (n)",
            "class": "Class of the legend",
        },
        facts={key: str(value) for key, value in sorted(record.provenance.items())},
        notes=(wording.capital(record.sentence()), "Travel times are modelled; they are no record of responses."),
        support=record.support,
    )


def location_layer(record: Location, name: str) -> MapLayer:
    """Tell the sites that are chosen from those that are not, the chosen ones by name."""
    frame = record.to_frame()
    standing = np.where(frame["open"], 2.0, 1.0)
    frame.insert(frame.columns.get_loc("geometry"), "standing", standing)
    frame.insert(frame.columns.get_loc("geometry"), "label", frame["site"].where(frame["open"], ""))
    # The open ones last, so that no other lies over them.
    frame = frame.sort_values("open", kind="stable").reset_index(drop=True)
    classes = classify_names(("not chosen", "chosen"), frame["standing"].to_numpy())
    return MapLayer(
        title=f"{wording.words(name)}: {record.open.size} of {len(record.sites)} sites ({record.model})",
        subtitle=f"Travel: {record.settings.get('profile', 'given')}",
        frame=frame,
        column="standing",
        unit="site",
        classes=replace(classes, colours=(LINE, ramp(1)[0])),
        label="label",
        aliases={
            "standing": "Class of the legend (1 not chosen, 2 chosen)",
            "demand": f"Demand that it serves ({record.unit})",
            "mean_seconds": "Mean travel time to it (s)",
            "label": "Name, if chosen",
        },
        facts={key: str(value) for key, value in sorted(record.settings.items()) if np.isscalar(value)},
        notes=(record.sentence(), "Travel times are modelled; they are no record of responses."),
        support=record.support,
        approximate=False,
    )


def shift_plan_layer(record: ShiftPlan, name: str) -> MapLayer | None:
    """Shade areas by the officer who visits them."""
    if not record.crs:
        return None
    frame = record.to_frame()
    officers = sorted(set(record.rows["officer"]) - {""}, key=lambda name: (len(name), name))
    number = record.rows["officer"].map({officer: i + 1.0 for i, officer in enumerate(officers)}).fillna(0.0)
    frame["class"] = number
    classes = classify_names(officers, number.to_numpy(), "nobody")
    return MapLayer(
        title=f"{wording.words(name)}: {record.title}",
        subtitle=f"{record.delivered_share:.0%} of the dosage is delivered, areas weighted by risk",
        frame=frame,
        column="class",
        unit="officer",
        classes=classes,
        label="area",
        aliases={
            "class": "Class of the legend",
            "risk_share": "Share of risk (0 to 1)",
            "required_visits": "Visits required per shift",
            "delivered_visits": "Visits delivered per shift",
            "dosage_share": "Share of all minutes (0 to 1)",
        },
        notes=(wording.capital(record.sentence()), *(f"{wording.capital(note)}." for note in record.notes)),
        support=record.support,
    )
