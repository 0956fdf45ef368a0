"""Behavior over HTTP: every form of body, repeats, refusals, reversal, measures."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from app.tables import TokenScope
from tests.app.running import in_folder, orders_csv, wait_long
from tests.site import Site, open_site
from tests.travel import finished

LONG = {
    "customer_id": "customer",
    "occurred_at": "day",
    "measure": "what",
    "value": "amount",
    "event_id": "order",
}
CSV = {"Content-Type": "text/csv"}
PROBLEM = "application/problem+json"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    wait_long(monkeypatch)
    with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def api(site: Site) -> TestClient:
    return site.script("manager")


def post(api: TestClient, text: str | bytes, **query: Any) -> Any:
    return api.post("/behavior", params={**LONG, **query}, content=text, headers=CSV)


def test_a_file_becomes_a_batch_with_a_receipt(api: TestClient) -> None:
    answer = post(api, orders_csv(), name="orders.csv", complete="2026-03-28")
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert answer.headers["location"] == "/api/v1/behavior/1"
    assert receipt == {
        "batch": 1, "file": "orders.csv", "received_at": "2026-04-01T09:00:00+00:00",
        "counted": 40, "accepted": 40, "rejected": 0, "entries": 40, "repeated": 0, "rounded": 0,
        "blank": 0, "first": "2026-03-01", "last": "2026-03-28", "matched": 0, "unmatched": 40,
        "unmatched_customers": 40, "alike": 0, "measures": {"revenue": 40},
        "complete_through": "2026-03-28",
        "rejects": [], "rejects_url": None, "reversed_by": None, "address": "/api/v1/behavior/1",
    }  # fmt: skip
    again = api.get("/behavior/1")
    assert again.status_code == 200
    assert {**again.json(), "received_at": ""} == {**receipt, "received_at": ""}


def test_the_same_file_again_is_the_first_receipt(site: Site, api: TestClient) -> None:
    first = post(api, orders_csv(), name="orders.csv")
    again = post(api, orders_csv(), name="renamed.csv")
    assert (again.status_code, again.headers["pilotbook-repeated"]) == (200, "true")
    assert again.json() == first.json()
    assert len([name for name in in_folder(site.settings.files) if "upload" in name]) == 1


def test_long_work_is_answered_with_its_job(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.jobs.SECONDS", 0.0)
    answer = post(api, orders_csv(), name="orders.csv")
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == job["address"] == f"/api/v1/jobs/{job['job']}"
    receipt = finished(api, answer)
    assert receipt["batch"] == 1
    told = api.get(f"/jobs/{job['job']}").json()
    assert (told["state"], told["status"], told["share_done"]) == ("done", 201, 1.0)
    assert told["answer"] == receipt
    wrong = post(api, orders_csv(), name="orders.csv", value="amont")
    assert wrong.status_code == 202
    with pytest.raises(AssertionError, match="amont"):
        finished(api, wrong)


@pytest.mark.parametrize("kind", ["csv", "tsv", "xlsx", "parquet", "ndjson", "csv.gz"])
def test_every_kind_of_file_is_taken_in(api: TestClient, kind: str) -> None:
    table = pa_csv.read_csv(
        io.BytesIO(orders_csv(5).encode()),
        convert_options=pa_csv.ConvertOptions(column_types={"day": pa.string()}),
    )
    body = {
        "csv": lambda: orders_csv(5).encode(),
        "tsv": lambda: orders_csv(5).replace(",", "\t").encode(),
        "xlsx": lambda: workbook(orders_csv(5)),
        "parquet": lambda: parquet(table),
        "ndjson": lambda: "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode(),
        "csv.gz": lambda: gzip.compress(orders_csv(5).encode()),
    }[kind]()
    answer = post(api, body, name=f"orders.{kind}")
    assert answer.status_code == 201, answer.text
    assert (answer.json()["accepted"], answer.json()["file"]) == (5, f"orders.{kind}")


def test_the_content_type_says_what_a_body_without_a_name_is(api: TestClient) -> None:
    answer = api.post(
        "/behavior",
        params=LONG,
        content=orders_csv(3).replace(",", "\t"),
        headers={"Content-Type": "text/tab-separated-values"},
    )
    assert answer.json()["file"] == "upload.tsv"


def test_a_form_may_carry_the_file(api: TestClient) -> None:
    answer = api.post("/behavior", params=LONG, files={"file": ("a.csv", orders_csv(3))})
    assert (answer.status_code, answer.json()["file"]) == (201, "a.csv")


def test_a_wide_file_has_one_day_for_all_rows(api: TestClient) -> None:
    answer = api.post(
        "/behavior",
        params={
            "customer_id": "id", "occurred_at": "2026-03-28", "measures": ["spend", "visits"],
        },
        content="id,spend,visits\na,1.5,2\nb,,1\n",
        headers=CSV,
    )  # fmt: skip
    receipt = answer.json()
    assert receipt["measures"] == {"spend": 1, "visits": 2}
    assert (receipt["first"], receipt["last"], receipt["blank"]) == ("2026-03-28",) * 2 + (1,)


ROWS: list[dict[str, Any]] = [
    {"customer_id": "c1", "measure": "revenue", "value": 12.1, "occurred_at": "2026-03-02"},
    {"customer_id": "c2", "measure": "revenue", "value": "0.30", "occurred_at": "2026-03-03"},
]


def test_rows_of_json_are_recorded(api: TestClient) -> None:
    answer = api.post("/behavior", json=ROWS, params={"complete": "2026-03-28"})
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert (receipt["accepted"], receipt["measures"]) == (2, {"revenue": 2})
    assert receipt["complete_through"] == "2026-03-28"


def test_rows_of_json_repeat_only_by_their_event_id(api: TestClient) -> None:
    assert api.post("/behavior", json=ROWS).json()["entries"] == 2
    assert api.post("/behavior", json=ROWS).json()["entries"] == 2
    known = [{**row, "event_id": f"e{at}"} for at, row in enumerate(ROWS)]
    assert api.post("/behavior", json=known).json()["entries"] == 2
    again = api.post("/behavior", json=known)
    assert (again.status_code, again.json()["entries"], again.json()["repeated"]) == (201, 0, 2)


def test_a_key_gives_the_first_answer_again(api: TestClient) -> None:
    key = {"Idempotency-Key": "rows-of-march"}
    first = api.post("/behavior", json=ROWS, headers=key)
    assert api.post("/behavior", json=ROWS, headers=key).json() == first.json()
    other = api.post("/behavior", json=ROWS[:1], headers=key)
    assert (other.status_code, other.headers["content-type"]) == (422, PROBLEM)
    assert api.get("/behavior").json()["items"][0]["batch"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"customer_id": "c1"},
        [],
        ["c1"],
        [{**ROWS[0], "colour": "red"}],
        [{**ROWS[0], "value": None}],
        [{**ROWS[0], "customer_id": True}],
        [{**ROWS[0], "customer_id": "a\0b"}],
    ],
)
def test_what_is_no_list_of_rows_is_refused(site: Site, api: TestClient, body: object) -> None:
    answer = api.post("/behavior", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert not in_folder(site.settings.files)


def test_json_that_nests_too_deep_is_refused(api: TestClient) -> None:
    answer = api.post(
        "/behavior", content="[" * 100_000, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_json_rows_take_no_columns(api: TestClient) -> None:
    answer = api.post("/behavior", json=ROWS, params={"measure": "what"})
    assert answer.json()["errors"][0]["field"] == "measure"


def spoilt() -> str:
    return orders_csv(3) + "c9,2026-03-05,revenue,12 apples,o9\n=1+1,2026-03-05,revenue,x,o10\n"


def test_good_rows_come_in_and_bad_ones_are_listed(api: TestClient) -> None:
    receipt = post(api, spoilt(), name="orders.csv").json()
    assert (receipt["accepted"], receipt["rejected"]) == (3, 2)
    assert receipt["rejects"][0]["line"] == 5
    rejects = api.get(receipt["rejects_url"].removeprefix("/api/v1"))
    assert rejects.headers["content-type"].startswith("text/csv")
    assert rejects.text.splitlines()[0] == "line,column,value,reason,file"
    assert len(rejects.text.splitlines()) == 3


def test_one_bad_row_refuses_a_strict_file(site: Site, api: TestClient) -> None:
    answer = post(api, spoilt(), name="orders.csv", strict="true")
    assert answer.status_code == 422
    assert {error["line"] for error in answer.json()["errors"]} == {5, 6}
    assert not in_folder(site.settings.files)


def test_an_unknown_column_is_named(api: TestClient) -> None:
    answer = post(api, orders_csv(3), name="orders.csv", value="amont")
    assert answer.status_code == 422
    assert "amont" in answer.text
    assert "amount" in answer.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"customer_id": ""}, "customer_id"),
        ({"valu": "amount"}, "query.valu"),
        ({"complete": "2026-04-02"}, "complete"),
        ({"complete": "soon"}, "query.complete"),
        ({"occurred_at": "2026-02-30"}, "occurred_at"),
        ({"measure": ""}, "measure"),
    ],
)
def test_a_key_at_fault_is_named(
    site: Site, api: TestClient, query: dict[str, str], field: str
) -> None:
    answer = post(api, orders_csv(3), name="orders.csv", **query)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not in_folder(site.settings.files)


def test_a_body_of_an_unknown_type_is_refused(api: TestClient) -> None:
    answer = api.post(
        "/behavior", params=LONG, content=b"GIF89a", headers={"Content-Type": "image/gif"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)
    assert post(api, "x", name="orders.exe").status_code == 415


def test_a_body_that_is_too_long_is_refused(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.uploads.LARGEST", 100)
    assert post(api, orders_csv(), name="orders.csv").status_code == 413


def test_a_reversed_batch_does_not_count_and_its_file_may_come_again(api: TestClient) -> None:
    post(api, orders_csv(), name="orders.csv")
    answer = api.request("DELETE", "/behavior/1", json={"reason": "Those of May."})
    assert answer.status_code == 200
    assert answer.json() == {"batch": 2, "reverses": 1, "reason": "Those of May."}
    assert api.get("/behavior/1").json()["reversed_by"] == 2
    again = api.request("DELETE", "/behavior/1", json={"reason": "Again."})
    assert again.status_code == 409
    assert post(api, orders_csv(), name="orders.csv").json()["batch"] == 3


def test_a_reversal_needs_a_reason(api: TestClient) -> None:
    post(api, orders_csv(), name="orders.csv")
    for body in ({}, {"reason": " "}, {"reason": "a\0"}):
        assert api.request("DELETE", "/behavior/1", json=body).status_code == 422


def test_batches_are_listed_newest_first_in_pages(api: TestClient) -> None:
    for rows in (1, 2, 3):
        post(api, orders_csv(rows), name="orders.csv", event_id="order")
    first = api.get("/behavior", params={"limit": 2}).json()
    assert [item["batch"] for item in first["items"]] == [3, 2]
    assert first["items"][0]["sender"] == "manager@example.com"
    rest = api.get("/behavior", params={"limit": 2, "cursor": first["next"]}).json()
    assert ([item["batch"] for item in rest["items"]], rest["next"]) == ([1], None)


def test_measures_are_those_described_and_those_recorded(api: TestClient) -> None:
    post(api, orders_csv(2), name="orders.csv")
    made = api.post("/measures", json={"name": "visits", "unit": "visits", "kind": "event"})
    assert made.status_code == 201
    assert api.get("/measures").json()["items"] == [
        {"name": "revenue", "unit": None, "kind": None, "recorded": True},
        {"name": "visits", "unit": "visits", "kind": "event", "recorded": False},
    ]
    body = {"name": "visits", "unit": "minutes", "kind": "event"}
    assert api.post("/measures", json=body).status_code == 409
    assert api.post("/measures", json={**body, "kind": "colour"}).status_code == 422


def test_only_who_may_records_and_reads_receipts(site: Site, api: TestClient) -> None:
    post(api, orders_csv(), name="orders.csv")
    analyst = site.script("analyst")
    assert post(analyst, orders_csv(), name="orders.csv").status_code == 403
    assert analyst.get("/behavior/1").status_code == 403
    colleague = site.script("colleague")
    assert colleague.get("/behavior/1").status_code == 200
    assert colleague.get("/behavior/1/rejects").status_code == 403
    reason = {"reason": "Not mine."}
    assert colleague.request("DELETE", "/behavior/1", json=reason).status_code == 403
    recorder = site.script("manager", TokenScope.RECORD)
    assert post(recorder, orders_csv(2), name="b.csv").status_code == 201


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def workbook(text: str) -> bytes:
    """A workbook of one sheet, its cells written inline."""
    rows = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in line.split(","))
        + "</row>"
        for line in text.splitlines()
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{kinds}"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" '
        'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}'
        '/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet '
        'name="Orders" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def test_columns_are_recorded_under_the_names_of_measures(api: TestClient) -> None:
    """An export of orders; a column's name may hold a colon of its own."""
    text = "no,day,Sum: EUR,order\nc1,2026-03-01,5,A1\nc2,2026-03-02,7,A2\n"
    query = {
        "customer_id": "no", "occurred_at": "day", "event_id": "order", "measures": "Sum: EUR",
        "names": "Sum: EUR:revenue", "each_row": "order",
    }  # fmt: skip
    answer = api.post("/behavior", params=query, content=text, headers=CSV)
    assert answer.status_code == 201, answer.text
    assert answer.json()["measures"] == {"order": 2, "revenue": 2}
    wrong = api.post("/behavior", params={**query, "names": "x:y"}, content=text, headers=CSV)
    assert wrong.status_code == 422
    assert "list the column in measures too" in wrong.text
