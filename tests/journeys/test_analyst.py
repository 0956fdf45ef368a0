"""An analyst's journey: a token, and the verdict's figure found again in a notebook."""

import io

import httpx2

# Not a dependency of Pilotbook, though Ibis brings it along: it is what analysts use.
import pandas as pd  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import expect
from scipy.stats import ttest_ind

from tests.journeys.conftest import Visit

pytestmark = pytest.mark.live

PILOT = "/pilots/loyalty-letter"


def test_an_analyst_finds_the_effect_again_from_the_accounts(visit: Visit) -> None:
    """Welch's interval by scipy, of a row per customer, against the row `welch` of the results."""
    analyst = visit("analyst@example.com")
    page = analyst.go("/pilots")
    page.get_by_role("link", name="analyst@example.com").click()
    page.get_by_text("Make a token").click()
    page.get_by_label("Name").fill("Notebook")
    page.get_by_label("Read", exact=True).check()
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("nobody can show it again")).to_be_visible()
    secret = page.locator("pre code").first.inner_text()
    faults = analyst.faults("account token")
    analyst.go("/account")
    expect(page.get_by_role("rowheader", name="Notebook")).to_be_visible()
    assert secret not in page.content()
    assert faults == []

    with analyst.site.script(secret) as api:
        results = _table(api, f"{PILOT}/results")
        accounts = _table(api, f"{PILOT}/accounts")
    is_row = (results.metric == "margin") & (results.method == "welch") & results.segment.isna()
    (said,) = results[is_row].to_dict("records")
    groups = accounts.groupby("arm").margin
    letter, nothing = groups.get_group("Letter"), groups.get_group("Nothing")
    found = ttest_ind(letter, nothing, equal_var=False)
    low, high = found.confidence_interval(0.95)
    assert (said["difference"], said["low"], said["high"], said["p_value"]) == pytest.approx(
        (letter.mean() - nothing.mean(), low, high, found.pvalue), rel=1e-9
    )
    assert (said["n_treatment"], said["n_control"]) == (len(letter), len(nothing))


def _table(api: httpx2.Client, address: str) -> pd.DataFrame:
    answer = api.get(address, params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    return pd.read_csv(io.BytesIO(answer.content))
