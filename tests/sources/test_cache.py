"""A cache changes how long a reading takes, never what it gives."""

from __future__ import annotations

import os
import stat

import pytest

from demandgeo.errors import OutputError
from demandgeo.sources import cache, delimited, read_police_uk


@pytest.fixture
def spoiled_lines(street):
    return street({"place": '"two\nlines"'}, "", {"id": ""}, {"kind": "Anti-social behaviour", "id": ""}, end="\r\n")


def entries(private_cache):
    return sorted((private_cache / "sources").iterdir())


def test_cold_warm_and_damaged_give_the_same(spoiled_lines, private_cache, monkeypatch):
    cold = read_police_uk(spoiled_lines).content_hash()
    (entry,) = entries(private_cache)
    parse = delimited._parse
    parsed = []
    monkeypatch.setattr(delimited, "_parse", lambda *given: parsed.append(given) or parse(*given))
    assert read_police_uk(spoiled_lines).content_hash() == cold
    assert parsed == []
    whole = entry.read_bytes()
    for at in range(0, len(whole), len(whole) // 20):
        entry.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert read_police_uk(spoiled_lines).content_hash() == cold
        entry.write_bytes(whole[:at])
        assert read_police_uk(spoiled_lines).content_hash() == cold
        assert entry.read_bytes() == whole
    assert len(parsed) == 42
    assert entries(private_cache) == [entry]


def test_changed_bytes_are_another_entry(street, private_cache):
    path = street()
    assert len(read_police_uk(path)) == 10
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1].replace(b"0009", b"00ff"))
    assert len(read_police_uk(path)) == 11
    assert len(entries(private_cache)) == 2


def test_the_folder_is_private(street, private_cache):
    path = street()
    read_police_uk(path)
    folder = private_cache / "sources"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    with pytest.raises(OutputError, match="others may write"):
        read_police_uk(path)


def test_without_a_folder(street, private_cache, monkeypatch):
    path = street()
    cold = read_police_uk(path).content_hash()
    blocked = private_cache / "a file"
    blocked.write_text("")
    monkeypatch.setenv("DEMANDGEO_CACHE", str(blocked))
    assert read_police_uk(path).content_hash() == cold


def test_the_oldest_entries_go(street, private_cache, monkeypatch):
    first = street(good=3)
    read_police_uk(first)
    (old,) = entries(private_cache)
    os.utime(old, (1, 1))
    monkeypatch.setattr(cache, "MAX_BYTES", int(1.5 * old.stat().st_size))
    read_police_uk(street(good=4))
    assert old not in entries(private_cache)
    assert len(entries(private_cache)) == 1


def test_a_full_disk_costs_the_cache_only(street, private_cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert len(read_police_uk(street())) == 10
    assert entries(private_cache) == []
