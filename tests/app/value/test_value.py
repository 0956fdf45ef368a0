"""What the program is worth, as page and as call."""

import re
from html import unescape
from pathlib import Path

import pytest

from tests.app.results import API, PAGE, analyse, prepare
from tests.site import open_site


def test_the_money_of_a_pilot_foots(tmp_path: Path) -> None:
    """Margin less cost is the net, and the net of all customers is what the verdict says."""
    with open_site(tmp_path / "site") as site:
        prepare(site, tmp_path)
        analyse(site)
        found = site.script("executive").get(f"{API}/value").json()
        margin, cost, net = (step["amount"] for step in found["items"][0]["steps"])
        assert margin + cost == pytest.approx(net)
        assert cost == -1
        verdict = found["verdicts"][0]
        assert verdict["net"]["value"] == pytest.approx(net * verdict["customers"])
        page = site.browser("executive").get(f"{PAGE}/value").text
        page = unescape(re.sub("<[^>]+>", "", page))
        assert all(line["text"] in page for line in found["items"][0]["lines"])
        assert "Pays from an effect of" in page
