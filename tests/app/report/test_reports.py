"""The report as page, document, PDF and JSON."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pypdf import PdfReader

from app.tables import PilotRow, PlanRow, SignatureRow, SignedWhat
from tests.app.results import API, PAGE, SLUG, analysed_site, signing
from tests.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with analysed_site(tmp_path / "site") as opened:
        yield opened


def sign_plan(site: Site) -> None:
    with site.database.writing() as session:
        pilot, plan = session.get_one(PilotRow, 1), session.get_one(PlanRow, 1)
        for fingerprint in (plan.fingerprint, "0" * 64):
            session.add(
                SignatureRow(
                    pilot_id=pilot.id or 0,
                    user_id=site.users["executive"],
                    what=SignedWhat.PLAN,
                    fingerprint=fingerprint,
                    signed_at=datetime(2026, 2, 21, 23, 30, tzinfo=UTC),
                )
            )
        session.commit()


def test_a_report_names_who_signed_plan_and_decision(site: Site) -> None:
    """A signature under another fingerprint than the plan's does not count."""
    script = site.script("analyst")
    before = script.get(f"{API}/report?format=json").json()["signatures"]
    assert [line["text"] for line in before] == ["Not signed", "Not taken yet"]
    sign_plan(site)
    site.script("executive").post(f"{API}/decision", json=signing(site))
    after = script.get(f"{API}/report?format=json").json()["signatures"]
    said = [
        "Signed by cfo@example.com on 21 February 2026",
        "Roll out; signed by cfo@example.com on 1 April 2026",
    ]
    assert [line["text"] for line in after] == said
    for page in (
        script.get(f"{API}/report").text,
        site.browser("manager").get(f"{PAGE}/report").text,
    ):
        assert all(text in page for text in said)


def test_a_signature_makes_another_version(site: Site) -> None:
    script = site.script("analyst")
    tag = script.get(f"{API}/report").headers["etag"]
    known = {"If-None-Match": tag}
    assert script.get(f"{API}/report", headers=known).status_code == 304
    site.script("executive").post(f"{API}/decision", json=signing(site))
    assert script.get(f"{API}/report", headers=known).status_code == 200


def test_the_document_may_load_its_own_style_and_nothing_else(site: Site) -> None:
    answer = site.script("analyst").get(f"{API}/report?format=html")
    style = re.search(r"<style>(.*?)</style>", answer.text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "font-src data:" in policy
    assert 'style="' not in answer.text
    assert "<script" not in answer.text


def test_the_pdf_is_the_same_report(site: Site) -> None:
    script = site.script("analyst")
    answer = script.get(f"{API}/report?format=pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert f'filename="{SLUG}-1.pdf"' in answer.headers["content-disposition"]
    first = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert "pays." in first
    assert "Signatures" in first
    assert script.get(f"{API}/report?format=pdf").content == answer.content


def test_the_page_links_its_document_and_allows_no_style_inside(site: Site) -> None:
    answer = site.browser("executive").get(f"{PAGE}/report")
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    assert ' style="' not in answer.text
    links = re.findall(r'href="(/api/[^"]+)"', answer.text)
    assert [link.replace("&amp;", "&") for link in links] == [
        f"/api/v1{API}/report?analysis=1&format=pdf",
        f"/api/v1{API}/report?analysis=1&format=html",
    ]


@pytest.mark.parametrize("number", ["2", "0", "9223372036854775808", "x"])
def test_a_report_that_does_not_exist_is_not_shown(site: Site, number: str) -> None:
    expected = 404 if number == "2" else 422
    assert site.script("analyst").get(f"{API}/report?analysis={number}").status_code == expected
