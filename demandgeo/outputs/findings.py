"""What findings are on a map: tested places, clusters, sites, and how sure a choice is."""

from __future__ import annotations

import numpy as np

from demandgeo.domain import (
    Consensus,
    DensityRegions,
    EmergingAreas,
    Grid,
    LocalStatistic,
    Membership,
    Profiles,
    ScanClusters,
    Sites,
)
from demandgeo.outputs import wording
from demandgeo.outputs.classes import classify, classify_names, classify_ranks
from demandgeo.outputs.evidence import evidence, evidence_notes, patterns
from demandgeo.outputs.maplayers import MapLayer, demand_facts, weighted_by


def local_statistic_layer(record: LocalStatistic, name: str) -> MapLayer:
    """Shade places by the evidence that they stand out."""
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


def scan_clusters_layer(record: ScanClusters, name: str) -> MapLayer:
    """Shade the clusters of a scan by rank."""
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


def emerging_layer(record: EmergingAreas, name: str) -> MapLayer:
    """Shade places by the pattern of their history."""
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


def density_regions_layer(record: DensityRegions, name: str) -> MapLayer:
    """Shade nested regions, the densest on top."""
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


def sites_layer(record: Sites, name: str) -> MapLayer:
    """Shade sites by what they were ranked by."""
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


def membership_layer(record: Membership, name: str) -> MapLayer:
    """Shade places by how surely they are a priority."""
    frame = record.to_frame()
    standing = frame["standing"].map({"seldom": 1.0, "fringe": 2.0, "core": 3.0})
    frame.insert(frame.columns.get_loc("geometry"), "sureness", standing)
    names = ("seldom: below 50%", "fringe: 50% to 90%", "core: 90% and more")
    return MapLayer(
        title=f"{wording.words(name)}: how surely each place is a priority",
        subtitle=f"Chosen in so many of {len(record.draws)} redraws of {record.areas.demand.period}"
        f"{weighted_by(record.areas.demand)}",
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


def consensus_layer(record: Consensus, name: str) -> MapLayer:
    """Shade places by how many ways of cutting the area choose them."""
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


def profiles_layer(record: Profiles, name: str) -> MapLayer:
    """Shade areas by rank, with their profiles."""
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
