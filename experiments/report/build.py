"""Fill the report from plan, analysis and decision."""

from collections.abc import Sequence
from dataclasses import replace

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Check, Outcome
from experiments.analyse.looks import LookTaken
from experiments.analyse.schedule import Lifted
from experiments.decide.verdict import Decision, Status, Verdict
from experiments.engines.warehouse import Snapshot
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.record.recording import Receipt
from experiments.report.glossary import GLOSSARY
from experiments.report.graphs import effects_chart, time_chart, unit_of
from experiments.report.money import money_of
from experiments.report.numbers import numbers
from experiments.report.report import CheckLine, Figure, Line, PilotReport, Tone
from experiments.report.retention import retention_charts
from experiments.report.segments import segments
from experiments.report.sentences import registration_sentence, verdict_line
from experiments.report.wording import PERCENT, Unit, counted, days, headline_number, span
from experiments.terms import Basis, DesignKind, Look
from experiments.value.contrast import Value
from experiments.words import day

TONES = {
    Outcome.PASSED: Tone.GOOD,
    Outcome.WARNED: Tone.CAUTION,
    Outcome.FAILED: Tone.BAD,
    Outcome.INFORMS: Tone.PLAIN,
    Outcome.NOT_APPLICABLE: Tone.PLAIN,
}
OUTCOME_WORDS = {
    Outcome.PASSED: "passed",
    Outcome.WARNED: "warned",
    Outcome.FAILED: "failed",
    Outcome.INFORMS: "for information",
    Outcome.NOT_APPLICABLE: "not applicable",
}


def build_report(
    plan: Plan,
    analysis: Analysis,
    decision: Decision,
    *,
    registration: Registration,
    left_out: int,
    assigned: bool,
    receipts: Sequence[Receipt] = (),
    sources: Sequence[Snapshot] = (),
    looks: int = 1,
    amendment: str = "",
) -> PilotReport:
    """Put the report together.

    Args:
        plan: The plan.
        analysis: Checks and estimates.
        decision: The verdicts.
        registration: Whether the plan came before the outcome.
        left_out: Customers of the file whose arm the plan does not name.
        assigned: Whether Pilotbook drew the arms.
        receipts: What the files of behavior brought; none where the ledger was filled before.
        sources: What tables of a warehouse held that were read beside the ledger.
        looks: How often outcomes have been looked at, this time included.
        amendment: What differs from the plan, and why, if somebody said so.
    """
    deciding = decision.deciding
    lines = [verdict_line(plan, verdict, registration) for verdict in decision.verdicts]
    main = lines[decision.verdicts.index(deciding)]
    return PilotReport(
        title=plan.pilot.name,
        slug=plan.pilot.slug,
        question=plan.pilot.hypothesis,
        people=(
            f"Owner {plan.pilot.owner} · sponsor {plan.pilot.sponsor} · "
            f"{days(plan.pilot.starts_on, plan.pilot.ends_on)}"
        ),
        registration=registration_sentence(registration),
        verdict=main,
        other_verdicts=tuple(line for line in lines if line is not main),
        figures=_figures(plan, analysis, deciding),
        effects=effects_chart(plan, analysis, decision),
        over_time=time_chart(plan, analysis, treatment=deciding.treatment),
        retention=retention_charts(plan, analysis),
        done=(
            *_done(plan, analysis, left_out=left_out, assigned=assigned, receipts=receipts),
            *(Line("Warehouse", source_sentence(source)) for source in sources),
            Line("How often looked", _looked(analysis, looks)),
            *([Line("Amendment", amendment)] if amendment else []),
        ),
        checks_line=_checks_line(analysis.checks),
        checks=tuple(
            CheckLine(
                check.name.replace("_", " "),
                OUTCOME_WORDS[check.outcome],
                check.sentence,
                TONES[check.outcome],
            )
            for check in analysis.checks
        ),
        money=money_of(plan, decision),
        segments=segments(plan, analysis),
        numbers=numbers(plan, analysis),
        glossary=GLOSSARY,
        fingerprints=(
            Line("Plan", analysis.inputs.plan),
            Line("Enrolment", analysis.inputs.enrolment),
            *(Line(f"Table {source.table}", source.fingerprint) for source in sources),
            Line(
                "Computed",
                f"as of {day(analysis.inputs.as_of)} from ledger batch "
                f"{analysis.inputs.ledger_through} by Pilotbook {analysis.inputs.pilotbook} on "
                f"{analysis.inputs.engine}",
            ),
        ),
        made_on=analysis.inputs.as_of,
    )


def _figures(plan: Plan, analysis: Analysis, verdict: Verdict) -> tuple[Figure, ...]:
    """Net, return, effect per customer."""
    if verdict.status is Status.VEILED or isinstance(verdict.value, Undefined):
        return ()
    money, value = Unit.of_money(plan.value.currency), verdict.value
    roi = _roi_figure(value)
    effect = next(
        estimate
        for estimate in analysis.estimates
        if estimate.headline
        and estimate.metric == plan.value.metric
        and estimate.treatment == verdict.treatment
    )
    unit = unit_of(plan.money_metric)
    net = value.net
    figures = [
        Figure(
            "Net of program cost",
            headline_number(net.value, net.low, net.high, money, sign=True),
            span(net.low, net.high, money, sign=True),
            f"in total over {counted(value.customers, 'customer', 'customers')} of "
            f"“{verdict.treatment}”",
        ),
        roi,
    ]
    if not isinstance(effect.interval, Undefined) and not isinstance(effect.difference, Undefined):
        low, high = effect.interval.low, effect.interval.high
        figures.append(
            Figure(
                f"Effect on {effect.metric}",
                headline_number(effect.difference.value, low, high, unit, sign=True),
                span(low, high, unit, sign=True),
                "per customer, treatment minus control",
            )
        )
    if verdict.status is Status.INVALID:
        return tuple(
            replace(figure, note=f"{figure.note}; not valid, because a check failed")
            for figure in figures
        )
    return tuple(figures)


def _roi_figure(value: Value) -> Figure:
    where = "of the roll-out" if value.basis is Basis.ROLLOUT else "of the pilot"
    note = f"net as a share of the cost {where}"
    if isinstance(value.roi, Undefined):
        return Figure("Return on cost", "–", "", value.roi.reason)
    roi = value.roi
    said = headline_number(roi.value, roi.low, roi.high, PERCENT, sign=True)
    return Figure("Return on cost", said, span(roi.low, roi.high, PERCENT, sign=True), note)


def _done(
    plan: Plan,
    analysis: Analysis,
    *,
    left_out: int,
    assigned: bool,
    receipts: Sequence[Receipt],
) -> tuple[Line, ...]:
    """Who, how many, when, how chosen, what behavior."""
    arms = ", ".join(f"{count:,} in “{arm}”" for arm, count in analysis.customers.items())
    total = sum(analysis.customers.values())
    others = f"; {left_out:,} customers of other groups were left out" if left_out else ""
    chosen = (
        f"Drawn by Pilotbook with seed {plan.design.seed}"
        + (f", within {', '.join(plan.design.strata)}" if plan.design.strata else "")
        if assigned
        else "People chose who got the program; the groups came with the customer file"
        if plan.design.kind is DesignKind.SUPPLIED
        else "Groups came with the customer file, from a random draw according to the plan"
    )
    together = plan.design.cluster
    if together is not None and plan.design.kind is DesignKind.CLUSTERED:
        chosen += f"; customers of the same {together} are always in the same group"
    return (
        Line(
            "Who", f"Customers offered {_or(plan.design.treatments)}, against {plan.design.control}"
        ),
        Line("How many", f"{counted(total, 'customer', 'customers')}: {arms}{others}"),
        Line("When", days(plan.pilot.starts_on, plan.pilot.ends_on)),
        Line("How chosen", chosen),
        *([Line("Behavior", behavior_sentence(receipts))] if receipts else []),
    )


def _looked(analysis: Analysis, looks: int) -> str:
    """Which look it is, how it is read, and whether somebody looked before the plan allowed."""
    before = "".join(f"; before the plan allowed, {lifted.words}" for lifted in analysis.lifts)
    return f"{_this_look(analysis.look, looks)}{before}"


def _this_look(look: LookTaken | None, looks: int) -> str:
    times = "once" if looks == 1 else f"{looks:,} times"
    match look:
        case None:
            return "Not yet; outcomes are veiled"
        case LookTaken(lifted=Lifted() as lifted):
            return f"Before the plan allowed, {lifted.words}"
        case LookTaken(kind=Look.FIXED):
            return f"{times.capitalize()}, after the last window closed"
    width = f"read {look.critical[-1]:.2f} standard errors wide"
    if look.kind is Look.ALWAYS_VALID:
        return f"{times.capitalize()}, this time as of {day(look.as_of)}; {width} on any day"
    again = f"; analysed {times} in all" if looks > (look.number or 1) else ""
    return (
        f"Look {look.number} of {look.planned} planned, on {day(look.as_of)}, at "
        f"{look.information[-1]:.0%} of the information; {width}{again}"
    )


def behavior_sentence(receipts: Sequence[Receipt]) -> str:
    """What the files of behavior brought, and what of them does not count."""
    rows = counted(sum(receipt.accepted for receipt in receipts), "row", "rows")
    entries = counted(sum(receipt.entries for receipt in receipts), "entry", "entries")
    refused = sum(receipt.rejected for receipt in receipts)
    repeated = sum(receipt.repeated for receipt in receipts)
    rounded = sum(receipt.rounded for receipt in receipts)
    unmatched = sum(receipt.unmatched for receipt in receipts)
    withdrawn = sum(sum(receipt.withdrawn.values()) for receipt in receipts)
    parts = [f"{rows} taken in as {entries}", f"{refused:,} refused" if refused else "none refused"]
    if repeated:
        parts.append(f"{repeated:,} repeated")
    if rounded:
        parts.append(f"{rounded:,} rounded")
    if withdrawn:
        parts.append(f"{counted(withdrawn, 'entry', 'entries')} withdrawn by corrections")
    said = ", ".join(parts)
    if unmatched:
        said += f"; {counted(unmatched, 'entry', 'entries')} of customers outside the pilot"
    return said


def source_sentence(source: Snapshot) -> str:
    """What a table of a warehouse held; a warehouse changes, and nothing of it is kept."""
    span = days(source.first_on, source.last_on) if source.first_on and source.last_on else ""
    return (
        f"{counted(source.rows, 'row', 'rows')} of table {source.table} in {source.place}"
        f"{f', from {span}' if span else ''} ({', '.join(source.measures) or 'no measure'}); read "
        f"where they lie, and not kept"
    )


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(f"“{name}”" for name in names)


def _checks_line(checks: tuple[Check, ...]) -> str:
    """All checks in one sentence: "9 passed, 1 warned: split"."""
    parts = []
    for outcome, word in OUTCOME_WORDS.items():
        names = [check.name.replace("_", " ") for check in checks if check.outcome is outcome]
        if names:
            tell = outcome in (Outcome.WARNED, Outcome.FAILED)
            parts.append(f"{len(names)} {word}" + (f" ({', '.join(names)})" if tell else ""))
    return ", ".join(parts)
