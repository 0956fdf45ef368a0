"""`pilotbook run`: exit statuses, what is written, what is refused, and what the veil hides."""

import csv
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from experiments.plan.fingerprint import fingerprint
from experiments.plan.pilot_file import read_pilot_file
from tests.app.pilots import Wide, write_long

pytestmark = pytest.mark.live


def run(path: Path, *options: str) -> Result:
    """Run a pilot file without page and PDF; results go beside it, into `out`."""
    out = ["--out", str(path.parent / "out"), "--no-report"]
    return CliRunner().invoke(app, ["run", str(path), *out, *options], env={"COLUMNS": "300"})


def refused(path: Path, *options: str) -> str:
    """What a refused run says; nothing may be left behind."""
    result = run(path, *options)
    assert result.exit_code == 2, result.output
    assert not (path.parent / "out").exists()
    assert not result.stdout
    return result.stderr


def today() -> date:
    return datetime.now(tz=UTC).date()


OPEN = Wide(starts_on=today() - timedelta(days=10), measured_on=today() - timedelta(days=1))
LONG_WINDOW = "window = { days = [0, 58] }"  # from 1 March to 27 April
STOPPED = Wide(measured_on=date(2026, 3, 20), complete=False)


@pytest.mark.parametrize(
    ("pilot", "status", "exit_code"),
    [
        # Half of the lift is margin, the mail costs 1.00, and the interval is about 0.6 wide.
        (Wide(lift=5), "proved", 0),
        (Wide(lift=-2), "disproved", 10),
        (Wide(lift=2.2), "not_proved", 11),
        (Wide(rows=tuple(f"x{at},hold,40,24,1" for at in range(120))), "invalid", 12),
        (OPEN, "veiled", 14),
        (STOPPED, "veiled", 14),
    ],
    ids=["proved", "disproved", "not proved", "invalid", "open", "stopped"],
)
def test_the_exit_status_is_the_verdict(
    tmp_path: Path, pilot: Wide, status: str, exit_code: int
) -> None:
    result = run(pilot.write(tmp_path))
    assert result.exit_code == exit_code, result.output
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["verdict"]["status"] == status
    assert result.stdout.splitlines()[0] == "Spring mail"


def test_the_result_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    """PILOT_FILE.md, `result.json`: keys may be added, these keep their names."""
    path = Wide().write(tmp_path)
    assert run(path).exit_code == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["pilot"] == "spring-mail"
    assert result["registration"] == "retrospective"
    verdict = result["verdict"]
    assert verdict in result["verdicts"]
    assert set(verdict) >= {"treatment", "status", "reason", "sentence", "basis", "verdict_on",
                            "contrast", "net", "roi", "probability_of_loss"}  # fmt: skip
    for key in ("contrast", "net", "roi"):
        assert set(verdict[key]) == {"value", "low", "high"}
    for check in result["checks"]:
        assert set(check) >= {"name", "outcome", "blocking", "value", "p_value", "sentence"}
    assert {estimate["method"] for estimate in result["estimates"]} == {"welch", "lin", "newcombe"}
    for estimate in result["estimates"]:
        assert set(estimate) >= {"metric", "kind", "role", "treatment", "control", "segment",
                                 "level", "method", "headline", "n_treatment", "n_control",
                                 "mean_treatment", "mean_control", "difference",
                                 "relative"}  # fmt: skip
        assert set(estimate["difference"]) >= {"value", "se", "low", "high", "p_value",
                                               "simultaneous"}  # fmt: skip
    inputs = result["inputs"]
    assert inputs["plan"] == fingerprint(read_pilot_file(path).plan())
    assert (inputs["ledger_through"], inputs["as_of"], inputs["engine"]) == (
        2,
        "2026-03-29",
        "duckdb",
    )
    headlines = [e["metric"] for e in result["estimates"] if e["headline"]]
    assert headlines == ["spend", "visitors"]


def test_net_roi_and_contrast_say_the_same(tmp_path: Path) -> None:
    run(Wide().write(tmp_path))
    verdict = json.loads((tmp_path / "out" / "result.json").read_text())["verdict"]
    for key in ("value", "low", "high"):
        # 200 treated customers at 1.00 each, no hurdle.
        assert verdict["net"][key] == pytest.approx(200 * verdict["contrast"][key])
        assert verdict["roi"][key] == pytest.approx(verdict["net"][key] / 200)


def test_accounts_hold_each_customer_and_no_id(tmp_path: Path) -> None:
    assert run(Wide().write(tmp_path)).exit_code == 0
    accounts = pq.read_table(tmp_path / "out" / "accounts.parquet")
    assert accounts.num_rows == 400
    assert accounts.column_names == ["customer", "arm", "tier", "enrolled_at", "age", "spend",
                                     "visitors", "contacts"]  # fmt: skip
    spends = [line.split(",")[3] for line in Wide().customers()]
    assert [f"{value:.2f}" for value in accounts["spend"].to_pylist()] == spends


def test_a_long_pilot_runs_too(tmp_path: Path) -> None:
    result = run(write_long(tmp_path))
    assert result.exit_code in (10, 11), result.output  # the calls do nothing
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["customers"] == {"hold": 150, "call": 150}


@pytest.mark.parametrize("pilot", [OPEN, STOPPED], ids=["open", "stopped"])
def test_nothing_that_is_veiled_depends_on_an_outcome(tmp_path: Path, pilot: Wide) -> None:
    """Two worlds that differ in the treated customers' spend alone leave the same bytes."""
    seen = []
    for lift in (0, 40):
        path = replace(pilot, lift=lift).write(tmp_path)
        result = run(path)
        assert result.exit_code == 14
        out = tmp_path / "out"
        assert {file.name for file in out.iterdir()} == {
            "result.json", "results.csv", "accounts.parquet",
        }  # fmt: skip
        written = {file.name: file.read_bytes() for file in out.iterdir()}
        seen.append((result.output, written))
    assert seen[0] == seen[1]
    columns = pq.read_table(out / "accounts.parquet").column_names
    assert columns == ["customer", "arm", "tier", "enrolled_at", "age"]
    found = json.loads((out / "result.json").read_text())
    assert found["estimates"] == []
    assert len((out / "results.csv").read_text().splitlines()) == 1


def test_rows_that_stop_early_name_the_missing_days(tmp_path: Path) -> None:
    assert "from 21 March 2026 to 28 March 2026" in run(STOPPED.write(tmp_path)).stdout


def test_rows_that_stop_early_are_enough_where_the_file_is_declared_complete(
    tmp_path: Path,
) -> None:
    assert run(replace(STOPPED, complete=True).write(tmp_path)).exit_code == 0


def test_a_window_that_closes_after_the_pilot_is_opened_by_a_day(tmp_path: Path) -> None:
    """`complete = true` speaks of the pilot's days; a date speaks of those after it too."""
    codes = []
    for complete in (True, date(2026, 4, 26), date(2026, 4, 27)):
        path = Wide(complete=complete).write(tmp_path)
        text = path.read_text()
        path.write_text(text.replace('measure = "spend"', 'measure = "spend"\n' + LONG_WINDOW))
        result = run(path)
        codes.append(result.exit_code)
        if codes[-1] == 14:
            assert "27 April 2026" in result.stdout
            assert "complete = its date" in result.stdout
    assert codes == [14, 14, 0]


def test_refused_rows_are_told_counted_and_listed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = Wide(rows=("x1,hold,40,=5,1", "x2,mail,40,1.23456,many")).write(tmp_path)
    path.write_text(path.read_text().replace("complete =", "strict = false\ncomplete ="))
    result = run(path)
    assert result.exit_code == 0, result.output
    assert "Behavior: 400 rows taken in as 800 entries, 2 refused" in result.stdout
    assert "rejects.csv (the refused rows)" in result.stdout
    rows = list(csv.DictReader((out / "rejects.csv").read_text().splitlines()))
    assert [(row["line"], row["column"], row["value"], row["file"]) for row in rows] == [
        ("402", "spend", "'=5", "wide.csv"),
        ("403", "visit", "many", "wide.csv"),
    ]
    assert all(row["reason"] for row in rows)
    (receipt,) = json.loads((out / "result.json").read_text())["receipts"]
    assert receipt == {
        "file": "wide.csv", "counted": 402, "accepted": 400, "rejected": 2, "entries": 800,
        "repeated": 0, "rounded": 0, "blank": 0, "unmatched": 0, "first": "2026-03-28",
        "last": "2026-03-28", "measures": {"spend": 400, "visit": 400}, "withdrawn": {},
    }  # fmt: skip
    assert "rejects.csv" not in run(Wide().write(tmp_path)).stdout
    assert not (out / "rejects.csv").exists()


def test_the_same_file_named_twice_is_bad_input(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    text = path.read_text()
    block = text[text.index("[[behavior]]") : text.index("[[metrics]]")]
    path.write_text(text.replace(block, block * 2))
    assert "wide.csv: the same file was recorded before" in refused(path)
    halves = [block.replace('["spend", "visit"]', f'["{name}"]') for name in ("spend", "visit")]
    path.write_text(text.replace(block, "".join(halves)))
    assert run(path).exit_code == 0


def test_a_path_that_leads_through_a_file_is_bad_input(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    assert "cannot be" in refused(path, "--out", str(path / "out"))
    result = run(path / "x")
    assert result.exit_code == 2, result.output
    assert "cannot be read" in result.stderr


def test_a_measure_that_nobody_recorded_is_an_error_that_lists_those_that_exist(
    tmp_path: Path,
) -> None:
    said = refused(Wide(measure="sales").write(tmp_path))
    assert "'sales'" in said
    assert "Measures recorded: spend, visit" in said


def test_all_bad_rows_are_listed(tmp_path: Path) -> None:
    bad = tuple(f"b{at},hold,40,{at} EUR,1" for at in range(45))
    said = refused(Wide(rows=bad).write(tmp_path))
    assert "45 of 445 rows are wrong" in said
    for at in range(45):
        assert f"line {402 + at}, column 'spend'" in said


def test_every_bad_row_is_listed_and_the_summary_said_again_below(tmp_path: Path) -> None:
    bad = tuple(f"b{at},hold,40,{at} EUR,1" for at in range(1_234))
    said = refused(Wide(rows=bad).write(tmp_path)).splitlines()
    assert sum("column 'spend'" in line for line in said) == 1_234
    assert said[0] == said[-1]
    assert "1,234 of 1,634 rows are wrong" in said[-1]


def test_a_fault_is_said_in_a_sentence_above_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("[red]spend[/red]")

    monkeypatch.setattr("app.road.run.travel", broken)
    result = run(Wide().write(tmp_path))
    assert result.exit_code == 1
    first, *rest = result.stderr.splitlines()
    assert first == (
        "Pilotbook has a fault: KeyError: '[red]spend[/red]'; please report it with the text below"
    )
    assert rest[0] == "Traceback (most recent call last):"
    assert not result.stdout


def test_bad_customers_are_listed_with_their_lines(tmp_path: Path) -> None:
    said = refused(Wide(rows=("00000,hold,40,1,1", "new,held,40,1,1")).write(tmp_path))
    assert "2 of 402 rows are wrong; nobody was enrolled" in said
    assert "line 402, column 'who': this customer is already on line 2" in said
    assert "line 403, column 'group'" in said


def test_every_mistake_of_the_pilot_file_is_listed(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    text = path.read_text().replace("margin_rate", "margin_rat").replace('"sales"', '"sale"')
    path.write_text(text)
    said = refused(path)
    assert "did you mean" in said
    assert "value.margin_rat: is not a known key" in said


def test_a_mistake_in_the_plan_as_a_whole_is_told_in_words(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    path.write_text(path.read_text().replace('metric = "spend"', 'metric = "spent"'))
    assert "is none of the metrics: spend, visitors" in refused(path)


def test_files_that_are_missing_are_all_named(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    (tmp_path / "wide.csv").unlink()
    said = refused(path)
    assert "customers.file: there is no file 'wide.csv'" in said
    assert "behavior[1].file: there is no file 'wide.csv'" in said


@pytest.mark.parametrize("engine", ["oracle", "spark://localhost:1"])
def test_an_engine_that_cannot_be_had_is_bad_input(tmp_path: Path, engine: str) -> None:
    """Nothing listens there; where pyspark or Java is missing, that is what is said."""
    assert "duckdb" in refused(Wide().write(tmp_path), "--engine", engine)


def test_what_a_plan_cannot_have_is_bad_input(tmp_path: Path) -> None:
    path = Wide().write(tmp_path)
    path.write_text(path.read_text().replace("[customers]", 'look = "always_valid"\n[customers]'))
    assert "always_valid" in refused(path)


def test_a_pilot_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    assert "There is no pilot file" in refused(tmp_path / "nothing.toml")


def test_a_name_is_printed_as_it_is(tmp_path: Path) -> None:
    name = "Spring [/b] [red]mail[/red] :warning:"
    result = run(Wide(name=name).write(tmp_path))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == name


def test_large_amounts_are_analysed(tmp_path: Path) -> None:
    """A customer of a million in a small currency, or of a company that sells to companies."""
    rows = ("big1,mail,40,1250000.55,1", "big2,hold,40,1250000.55,1")
    result = run(Wide(rows=rows).write(tmp_path))
    assert result.exit_code == 11, result.output  # nothing is proved with such customers
