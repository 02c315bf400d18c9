"""Compressed files: damage and tricks are refused by name, nothing is extracted."""

from __future__ import annotations

import gzip
import zipfile

import pytest

from demandgeo.errors import SourceError
from demandgeo.sources import archive, read_police_uk


@pytest.fixture
def month_zip(street, tmp_path):
    """A zip archive as downloaded: two months, and files that are not read."""
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for month in ("2018-07", "2018-08"):
            rows = [{"month": month, "id": f"{month}{i}"} for i in range(10)]
            made.write(street(*rows, good=0), f"{month}/{month}-a-street.csv")
        made.writestr("2018-07/2018-07-a-outcomes.csv", "x")
    return path


def test_zip(month_zip):
    events = read_police_uk(month_zip)
    assert len(events) == 20
    assert events.ledger.ignored == ("download.zip/2018-07/2018-07-a-outcomes.csv",)
    assert events.ledger.files[0].file == "download.zip/2018-07/2018-07-a-street.csv"
    assert len(read_police_uk(month_zip, months=["2018-08"])) == 10
    assert {p.name for p in month_zip.parent.iterdir()} >= {"download.zip"}
    assert not (month_zip.parent / "2018-07").exists()


def test_b38_every_flipped_bit_of_the_data_is_found(month_zip):
    whole = month_zip.read_bytes()
    with zipfile.ZipFile(month_zip) as made:
        first = made.infolist()[0]
    start = first.header_offset + 30 + len(first.filename)
    for at in range(start, start + first.compress_size, 7):
        spoiled = bytearray(whole)
        spoiled[at] ^= 4
        month_zip.write_bytes(spoiled)
        with pytest.raises(SourceError, match=r"2018-07-a-street\.csv: the file is damaged"):
            read_police_uk(month_zip)


@pytest.mark.parametrize("cut", [10, 500, 900])
def test_truncated_archives(month_zip, street, cut):
    month_zip.write_bytes(month_zip.read_bytes()[:-cut])
    with pytest.raises(SourceError, match=r"download\.zip"):
        read_police_uk(month_zip)
    packed = street().with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(street().read_bytes())[: -min(cut, 60)])
    with pytest.raises(SourceError, match="damaged"):
        read_police_uk(packed)


@pytest.mark.parametrize("name", ["../2018-07-a-street.csv", "/2018-07-a-street.csv", "a\\..\\b.csv", "C:/x.csv"])
def test_b39_names_outside_the_archive(tmp_path, name):
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(zipfile.ZipInfo(name), "x")
    with pytest.raises(SourceError, match="inside the archive's own folder"):
        read_police_uk(path)


def test_b39_bomb(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("2018-07-a-street.csv", b"0" * 10_000_000)
    with pytest.raises(SourceError, match=r"unpacks [\d,]+-fold"):
        read_police_uk(path)


def test_limits_of_an_archive(month_zip, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    monkeypatch.setattr(archive, "MAX_BYTES", 100)
    with pytest.raises(SourceError) as caught:
        read_police_uk(month_zip)
    assert "holds 3 files" in str(caught.value)
    assert "unpacks to" in str(caught.value)


def test_gzip_bomb(tmp_path):
    path = tmp_path / "2018-07-a-street.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 5_000_000))
    with pytest.raises(SourceError, match="more than 200 times its size"):
        read_police_uk(path)


def test_no_archive_and_empty_places(tmp_path):
    fake = tmp_path / "fake.zip"
    fake.write_text("no zip")
    with pytest.raises(SourceError, match="no readable zip"):
        read_police_uk(fake)
    with pytest.raises(SourceError, match=r"none\.zip does not exist"):
        read_police_uk(tmp_path / "none.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="it is empty"):
        read_police_uk(tmp_path / "empty")
