"""A layer of a map: geometry, the column it is shaded by, and everything said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import geopandas as gpd
import numpy as np
import shapely

from demandgeo.domain import Demand, Support
from demandgeo.domain.record import Floats, Mask
from demandgeo.outputs import wording
from demandgeo.outputs.classes import Classes
from demandgeo.outputs.palettes import GROUND, STREET

KINDS = ("fill", "line", "marker")


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


def weighted_by(demand: Demand) -> str:
    """Say what demand is weighted by, as the end of a subtitle; nothing where events count once."""
    return "" if demand.is_count else f", weighted by {demand.weight_name}"
