"""Statistics that the rooms share: intervals, assignment of events to units, collapse of locations."""
