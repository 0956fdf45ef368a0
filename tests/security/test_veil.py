"""Before a permitted look nothing joins a group with an outcome: no page, call, file, report, log.

Every customer of the treatment group brings 7,777.77 and every one of the control group 3,333.33,
so that sums, means and differences cannot be mistaken for anything else. Every GET route is asked
by every role in every format that it has, and everything that it answers is searched.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader
from sqlmodel import select

from app.analyse.kept import accounts_path
from app.tables import AnalysisRow, JobRow, UserRow
from tests.app.looked import ANY_DAY, CUSTOMERS, FIXED, MEANS, PLANNED, Joining
from tests.app.results import API, PAGE, SLUG, analyse, prepare
from tests.app.running import wait_long
from tests.security.routes import Declared, routes_of
from tests.site import PASSWORD, PEOPLE, Site, open_site

pytestmark = pytest.mark.live

FORMATS: Final = ("json", "csv", "parquet", "html", "pdf", "xlsx")
# On a day before any look, when half of the customers have brought what they bring.
DAYS: Final = {"fixed": 12, "planned": 12, "any day": 7}
DESIGNS: Final = {"fixed": FIXED, "planned": PLANNED, "any day": ANY_DAY}
# What a call needs to answer at all.
QUERIES: Final = {"/api/v1/pilots/{slug}/power": "?customers=1000&effect=5&mean=20&sd=40"}


@dataclass(frozen=True)
class Asked:
    """A veiled site, and everything that its routes answer.

    Attributes:
        site: The site.
        answers: Per question, the texts of which its answer consists.
        statuses: Per route, how often it answered 200.
    """

    site: Site
    answers: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module", params=list(DESIGNS))
def asked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    """A pilot that is planned, signed for, enrolled, recorded, and analysed behind the veil."""
    folder = tmp_path_factory.mktemp("veil")
    with pytest.MonkeyPatch.context() as patch, open_site(folder / "site") as site:
        wait_long(patch)
        site.now = site.now.replace(month=3, day=DAYS[request.param])
        prepare(site, folder, Joining(DESIGNS[request.param]))
        assert analyse(site)["status"] == "veiled"
        found = Asked(site)
        _ask_everything(found)
        yield found


def _ask_everything(asked: Asked) -> None:
    site = asked.site
    things = _things(site)
    for who in PEOPLE:
        browser, script = site.browser(who), site.script(who)
        for route in routes_of(site.app):
            if not route.safe:
                continue
            for values, written in product(_named(route, things), _formats(site, route)):
                address = route.address(**values)
                query = QUERIES.get(route.path, f"?format={written}" if written else "")
                question = f"{address}{query}"
                client = script if route.is_call else browser
                answer = client.get(f"http://testserver{question}")
                asked.answers[f"{who} {question}"] = _text(answer)
                if answer.status_code == 200:
                    asked.statuses[str(route)] = asked.statuses.get(str(route), 0) + 1


def _things(site: Site) -> dict[str, list[object]]:
    """Whatever addresses can name."""
    with site.database.reading() as session:
        return {
            "slug": [SLUG],
            "job": list(session.exec(select(JobRow.id)).all()),
            "user": list(session.exec(select(UserRow.id)).all()),
            "number": list(session.exec(select(AnalysisRow.number)).all()),
            "batch": [1, 2],
        }


def _named(route: Declared, things: Mapping[str, list[object]]) -> Iterator[dict[str, object]]:
    names = [name for name in things if f"{{{name}" in route.path]
    for values in product(*(things[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _formats(site: Site, route: Declared) -> tuple[str, ...]:
    """Nothing, and every format where the call knows formats."""
    described = site.app.openapi()["paths"].get(route.path, {}).get("get", {})
    knows = any(one["name"] == "format" for one in described.get("parameters", []))
    return ("", *FORMATS) if knows else ("",)


def _text(answer: Any) -> str:
    """An answer as one can read it: headers, and a body of whatever type."""
    kind, body = answer.headers.get("content-type", ""), answer.content
    if body[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(body))
        said = "\n".join([",".join(table.column_names), json.dumps(table.to_pylist(), default=str)])
    elif "pdf" in kind:
        said = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(body)).pages)
    else:
        said = body.decode("utf-8")
    return f"{dict(answer.headers)}\n{said}"


def tell_tales() -> list[str]:
    """What no answer may hold: each group's mean, sums over some and all of its customers."""
    treated, control = Decimal(str(MEANS["mail"])), Decimal(str(MEANS["hold"]))
    amounts = {treated, control, treated - control, control - treated}
    half = CUSTOMERS // 2
    for many in range(1, half + 1):
        amounts |= {treated * many, control * many, (treated - control) * many}
    amounts |= {(treated - control) / 2, (treated - control) / 2 - 1}  # margin, and net of cost
    return sorted({f"{abs(amount):.1f}" for amount in amounts})


TALES: Final = frozenset(tell_tales())
NUMBER: Final = re.compile(r"(?<![\w.])\d{1,3}(?:[,\u00a0\u202f ]\d{3})*\.\d+|(?<![\w.])\d+\.\d+")
WHOLE: Final = re.compile(r"(?<![\w#-])(?:7,77[78]|3,333|4,444|7777|7778|3333|4444)(?![\w-])")


def told(text: str) -> list[str]:
    """The numbers of a text that tell a group's outcome, to one decimal or rounded to one."""
    found = []
    for match in NUMBER.finditer(text):
        plain = Decimal(re.sub(r"[,\u00a0\u202f ]", "", match[0]))
        if {f"{plain:.1f}", f"{plain - Decimal('0.05'):.1f}"} & TALES and plain > 100:
            found.append(match[0])
    return found + WHOLE.findall(text)


@pytest.mark.parametrize(
    "text",
    ["7777.77", "7,777.8", "+4,444.44 EUR", "brought 3,333 each", '"mean": 7777.7700',
     "1,088,887.8", "2 222.22 more margin"],
)  # fmt: skip
def test_what_tells_is_recognised(text: str) -> None:
    assert told(text)


@pytest.mark.parametrize(
    "text", ["5,555.55 over all customers", "280 customers", "rgb(51.2, 3.3)", "a3333f", "0.48"]
)
def test_what_tells_nothing_is_left_alone(text: str) -> None:
    assert not told(text)


def test_no_answer_holds_a_number_of_one_group(asked: Asked) -> None:
    assert {
        question: found for question, text in asked.answers.items() if (found := told(text))
    } == {}


def test_no_table_has_a_group_beside_an_outcome(asked: Asked) -> None:
    """CSV, Parquet and JSON lists: a column of the arm stands beside none of `spend`."""
    wrong = []
    for question, text in asked.answers.items():
        for line in text.splitlines():
            columns = {part.strip().strip('"') for part in line.split(",")}
            if columns & {"arm", "group"} and columns & {"spend", "spend_before", "value"}:
                wrong.append(question)
        wrong += [question] * bool(re.search(r'"arm": "\w+"[^}]*"spend"', text))
    assert wrong == []


def test_the_questions_reached_what_there_is_to_ask(asked: Asked) -> None:
    """Else the search would prove nothing."""
    reached = set(asked.statuses)
    for path in (
        "/api/v1/pilots/{slug}/accounts", "/api/v1/pilots/{slug}/report", "/measures",
        "/api/v1/pilots/{slug}/analyses/{number}", "/api/v1/pilots/{slug}/contamination",
        "/api/v1/pilots/{slug}/balance", "/api/v1/behavior/{batch}", "/ledger/{batch}",
        "/api/v1/jobs/{job}", "/people/journal", "/pilots/{slug}/analyse", "/pilots/{slug}",
        "/pilots/{slug}/value", "/pilots/{slug}/decide", "/pilots/{slug}/record", "/metrics",
        "/api/v1/pilots/{slug}/power", "/api/v1/portfolio", "/api/v1/pilots/{slug}/assignment",
    ):  # fmt: skip
        assert f"GET {path}" in reached, path
    assert len(reached) > 40


@pytest.mark.parametrize("call", ["results", "value", "results?format=csv"])
def test_results_and_value_are_refused(asked: Asked, call: str) -> None:
    for who in PEOPLE:
        answer = asked.site.script(who).get(f"{API}/{call}")
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:pilotbook:problem:outcomes-veiled"
        assert answer.json()["visible_from"]


def test_every_key_of_result_and_report_is_empty_of_outcomes(asked: Asked) -> None:
    with asked.site.database.reading() as session:
        row = session.exec(select(AnalysisRow)).one()
        result, report = json.loads(row.result_json), json.loads(row.report_json)
    assert (result["estimates"], result["look"]) == ([], None)
    for verdict in result["verdicts"]:
        for key in ("contrast", "net", "roi", "margin", "break_even", "probability_of_loss"):
            assert set(verdict[key]) == {"undefined"}, key
        for key in ("skewness_interval", "other_reading", "unbiased", "more_data", "reason"):
            assert verdict[key] is None, key
    for key in ("figures", "money", "segments"):
        assert report[key] == [], key
    for key in ("effects", "over_time"):
        assert report[key] is None, key
    assert report["numbers"]["tables"] == []
    for path, leaf in [*_leaves(result), *_leaves(report)]:
        assert not told(str(leaf)), path
        known = re.search(r"checks|customers|inputs|receipts", path)
        assert not isinstance(leaf, float) or known, path


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}")
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _leaves(part, f"{path}[{at}]")
    else:
        yield path, value


def test_no_file_but_the_ledger_and_the_uploads_holds_an_outcome(asked: Asked) -> None:
    """Uploads are rows as they were sent, the ledger has no groups, the accounts no outcome."""
    settings = asked.site.settings
    known = ["customer", "arm", "tier", "enrolled_at", "age"]
    assert pq.read_schema(accounts_path(settings.files, SLUG, 1)).names == known
    for path in settings.files.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert not told(path.read_text("utf-8", errors="replace")), path
    for path in Path(settings.ledger).rglob("*.parquet"):
        names = set(pq.read_schema(path).names)
        assert not {"arm", "value"} <= names, path


def test_what_was_written_meanwhile_tells_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Logs, of the work and of a call that fails."""
    with open_site(tmp_path / "site") as site, pytest.MonkeyPatch.context() as patch:
        wait_long(patch)
        site.now = site.now.replace(month=3, day=12)
        prepare(site, tmp_path, Joining())
        analyse(site)
        site.script("analyst").get(f"{API}/results")
        site.script("analyst").get(f"{API}/analyses/9")
    out, err = capfd.readouterr()
    assert told(out + err + caplog.text) == []


def test_the_same_questions_tell_once_the_veil_is_lifted(tmp_path: Path) -> None:
    """The search finds what it looks for where it is to be found."""
    with open_site(tmp_path / "site") as site, pytest.MonkeyPatch.context() as patch:
        wait_long(patch)
        site.now = site.now.replace(month=3, day=12)
        prepare(site, tmp_path, Joining())
        body = {"reason": "The call centre is on fire.", "password": PASSWORD}
        assert site.script("admin").post(f"{API}/lifts", json=body).status_code == 201
        script, browser = site.script("analyst"), site.browser("executive")
        for call in ("results", "results?format=csv", "results?format=parquet", "value",
                     "accounts", "report?format=pdf", "report?format=json"):  # fmt: skip
            assert told(_text(script.get(f"{API}/{call}"))), call
        for page in ("analyse", "value", "report"):
            assert told(browser.get(f"{PAGE}/{page}").text), page
        assert told(browser.get(PAGE).text) == []
