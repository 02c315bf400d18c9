"""A private cache per test, and a street-level file to spoil."""

from __future__ import annotations

import pytest

HEADER = (
    "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    "Crime type,Last outcome category,Context"
)


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DEMANDGEO_CACHE", str(folder))
    return folder


def street_row(
    number: int = 0,
    *,
    id: str | None = None,
    month: str = "2018-07",
    force: str = "West Yorkshire Police",
    lon: str = "-1.54",
    lat: str = "53.80",
    place: str = "On or near Mill Lane",
    lsoa: str = "E01011111",
    kind: str = "Burglary",
    outcome: str = "Under investigation",
) -> str:
    crime_id = f"{number:064x}" if id is None else id
    return f"{crime_id},{month},{force},{force},{lon},{lat},{place},{lsoa},Leeds 001A,{kind},{outcome},"


@pytest.fixture
def street(tmp_path):
    """Write a street-level file of some rows (text, or keywords of `street_row`); ten good rows stand above them."""

    def write(*rows, name="2018-07-west-yorkshire-street.csv", good=10, header=HEADER, end="\n"):
        lines = [header, *(street_row(i) for i in range(good))]
        lines += [row if isinstance(row, str) else street_row(1000 + i, **row) for i, row in enumerate(rows)]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(line + end for line in lines).encode())
        return path

    return write
