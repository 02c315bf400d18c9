"""Downloads, from a server of the test's own: what is asked, what is made of it, what is said when there is none."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import shapely

from demandgeo.domain import Zones
from demandgeo.errors import SourceError
from demandgeo.sources import fetch_streets, read_streets

AREA = shapely.box(-1.56, 53.79, -1.53, 53.81)

ANSWER = {
    "elements": [
        {
            "type": "way",
            "id": 7,
            "nodes": [1, 2, 3],
            "tags": {"highway": "primary", "maxspeed": "30 mph", "ref": "A61"},
        },
        {"type": "way", "id": 8, "nodes": [2, 4], "tags": {"highway": "residential", "oneway": "yes"}},
        {"type": "node", "id": 1, "lon": -1.55, "lat": 53.80},
        {"type": "node", "id": 2, "lon": -1.545, "lat": 53.80},
        {"type": "node", "id": 3, "lon": -1.54, "lat": 53.80},
        {"type": "node", "id": 4, "lon": -1.545, "lat": 53.803},
    ]
}


@pytest.fixture
def overpass(tmp_path, monkeypatch):
    """A server that answers as Overpass does, and what it was asked."""
    import osmnx

    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def _send(self, text: str) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self):
            self._send("Connected as: 1\nCurrent time: x\nRate limit: 2\n2 slots available now.\n")

        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._send(json.dumps(answer))

        def log_message(self, *_):
            pass

    answer = dict(ANSWER)
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(osmnx.settings, "overpass_url", f"http://127.0.0.1:{server.server_port}/api")
    monkeypatch.setattr(osmnx.settings, "use_cache", False)
    monkeypatch.setattr(osmnx.settings, "overpass_rate_limit", False)
    yield asked, answer
    server.shutdown()
    server.server_close()
    thread.join()


def test_streets_of_an_area_are_fetched_and_kept(overpass, tmp_path):
    asked, _ = overpass
    net = fetch_streets(AREA, save=tmp_path / "leeds.graphml", network_type="drive_service")
    assert "highway" in asked[0]
    assert net.crs == "EPSG:27700"
    assert sorted(net.highway) == ["primary", "primary", "residential"]
    assert (net.forward & net.backward).sum() == 2
    assert net.length.sum() == pytest.approx(658 + 334, abs=5)
    assert any("OpenStreetMap" in note for note in net.ledger.notes)
    kept = read_streets(tmp_path / "leeds.graphml")
    assert np.sort(kept.length) == pytest.approx(np.sort(net.length), abs=1e-6)


def test_zones_are_asked_for_in_degrees_with_their_buffer(overpass):
    zones = Zones(np.array([shapely.box(429_000, 433_000, 431_000, 436_000)]), np.array(["Leeds"]), "EPSG:27700")
    assert len(fetch_streets(zones, buffer=200.0).start) == 3
    assert "53.8" in overpass[0][0]


def test_an_area_without_streets_is_said_so(overpass):
    overpass[1]["elements"] = []
    with pytest.raises(SourceError, match="has no streets for"):
        fetch_streets(AREA)


def test_a_server_that_is_not_there_is_said_so(monkeypatch):
    import osmnx

    monkeypatch.setattr(osmnx.settings, "overpass_url", "http://127.0.0.1:9/api")
    monkeypatch.setattr(osmnx.settings, "use_cache", False)
    monkeypatch.setattr(osmnx.settings, "overpass_rate_limit", False)
    with pytest.raises(SourceError, match="cannot be reached"):
        fetch_streets(AREA)
