"""What flows between the rooms: frozen records in projected metres, checked when made, never changed."""

from __future__ import annotations

from demandgeo.domain.allocation import Allocation
from demandgeo.domain.areas import Certificate, Holdout, PriorityAreas
from demandgeo.domain.bandwidth import Bandwidth
from demandgeo.domain.beats import PatrolAreas
from demandgeo.domain.changes import TimeChanges
from demandgeo.domain.clusters import ScanClusters
from demandgeo.domain.consensus import Consensus
from demandgeo.domain.crs import check_same_crs, metric_crs
from demandgeo.domain.demand import Balance, Demand
from demandgeo.domain.dispatch import Dispatch
from demandgeo.domain.events import ANTISOCIAL, COUNT, Events
from demandgeo.domain.frontier import Frontier
from demandgeo.domain.fronts import ParetoFront
from demandgeo.domain.grid import Grid
from demandgeo.domain.headline import Headline
from demandgeo.domain.labels import Labels
from demandgeo.domain.ledger import FileLedger, Ledger
from demandgeo.domain.local import LocalStatistic
from demandgeo.domain.location import Location
from demandgeo.domain.membership import Membership
from demandgeo.domain.network import Arms, Network, Travel
from demandgeo.domain.options import Option, Options, Scenarios
from demandgeo.domain.patrol import ShiftPlan
from demandgeo.domain.patterns import EmergingAreas
from demandgeo.domain.profiles import Profiles
from demandgeo.domain.record import Record
from demandgeo.domain.regions import DensityRegions
from demandgeo.domain.scorecard import Scorecard
from demandgeo.domain.sites import Sites
from demandgeo.domain.snapped import Snapped
from demandgeo.domain.support import Neighbours, Support
from demandgeo.domain.table import Table
from demandgeo.domain.travel import CostMatrix, Points
from demandgeo.domain.zones import Zones

__all__ = [
    "ANTISOCIAL",
    "COUNT",
    "Allocation",
    "Arms",
    "Balance",
    "Bandwidth",
    "Certificate",
    "Consensus",
    "CostMatrix",
    "Demand",
    "DensityRegions",
    "Dispatch",
    "EmergingAreas",
    "Events",
    "FileLedger",
    "Frontier",
    "Grid",
    "Headline",
    "Holdout",
    "Labels",
    "Ledger",
    "LocalStatistic",
    "Location",
    "Membership",
    "Neighbours",
    "Network",
    "Option",
    "Options",
    "ParetoFront",
    "PatrolAreas",
    "Points",
    "PriorityAreas",
    "Profiles",
    "Record",
    "ScanClusters",
    "Scenarios",
    "Scorecard",
    "ShiftPlan",
    "Sites",
    "Snapped",
    "Support",
    "Table",
    "TimeChanges",
    "Travel",
    "Zones",
    "check_same_crs",
    "metric_crs",
]
