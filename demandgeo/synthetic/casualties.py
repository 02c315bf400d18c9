"""The made city's collisions and casualties as events, with the attributes that a reader of STATS19 gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from demandgeo.domain.events import Events
from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError
from demandgeo.synthetic.collisions import USER_GROUPS, YEARS, Collisions
from demandgeo.synthetic.sizes import CRS, FORCE

Unit = Literal["casualty", "collision"]
Severity = Literal["adjusted", "recorded"]

SEVERITIES = ("fatal", "serious", "slight")
FATAL, SERIOUS = 1, 2


def events_of(made: Collisions, unit: Unit, severity: Severity, years: Sequence[int] | None) -> Events:
    """Return the events of some years (all if None); weight and attribute ``ksi`` are the chance to be KSI."""
    wanted = list(YEARS if years is None else years)
    strange = sorted(set(wanted) - set(YEARS))
    if strange or not wanted:
        raise ModelError(f"years are {wanted}", f"some of {YEARS[0]} to {YEARS[-1]} were needed")
    spots = made.collisions.set_index("collision_index")
    rows = made.casualties if unit == "casualty" else made.collisions
    rows = rows[rows["collision_year"].isin(wanted)].reset_index(drop=True)
    at = spots.loc[rows["collision_index"]]
    recorded = rows[f"{unit}_severity"].to_numpy()
    adjusted = np.where(recorded == FATAL, 1.0, rows[f"{unit}_adjusted_severity_serious"].to_numpy(np.float64))
    ksi = adjusted if severity == "adjusted" else (recorded <= SERIOUS).astype(np.float64)
    index = Labels.of(rows["collision_index"])
    return Events.at(
        at["location_easting_osgr"].to_numpy(np.float64),
        at["location_northing_osgr"].to_numpy(np.float64),
        crs=CRS,
        time=pd.to_datetime(at["date"] + " " + at["time"], format="%d/%m/%Y %H:%M").to_numpy("datetime64[s]"),
        category=Labels.of(_groups(made, rows, unit)),
        weight=ksi,
        weight_sd=_spread(ksi),
        weight_name=f"KSI ({severity})",
        kind=unit,
        ids=index if unit == "collision" else Labels.of(rows["collision_index"] + _turn(rows)),
        zone_code=Labels.of(at["lsoa_of_collision_location"].replace("-1", "")),
        attributes={
            "ksi": ksi,
            "severity": Labels((recorded - 1).astype(np.int32), SEVERITIES),
            "collision": index,
            "force": Labels.constant(FORCE, len(rows)),
            "first_road_class": Labels.of(at["first_road_class"].map({3: "A", 4: "B", 5: "C", 6: "unclassified"})),
            "first_road_number": Labels.of(at["first_road_number"].map(lambda number: str(number) if number else "")),
            "speed_limit": at["speed_limit"].to_numpy(np.float64),
        },
    )


def _groups(made: Collisions, rows: pd.DataFrame, unit: Unit) -> pd.Series:
    """Return the user group of each casualty; of a collision, that of its first casualty."""
    names = {group.casualty_type: group.name for group in USER_GROUPS}
    if unit == "casualty":
        return rows["casualty_type"].map(names)
    first = made.casualties.drop_duplicates("collision_index").set_index("collision_index")
    found: pd.Series = first.loc[rows["collision_index"], "casualty_type"].map(names)
    return found


def _spread(ksi: Floats) -> Floats:
    return np.asarray(np.sqrt(ksi * (1.0 - ksi)), np.float64)


def _turn(casualties: pd.DataFrame) -> pd.Series:
    return "-" + casualties["casualty_reference"].astype(str)
