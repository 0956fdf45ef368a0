"""Believable reports to render: a proved e-mail, a veiled pilot, and hard ones."""

from dataclasses import replace
from datetime import date
from typing import Final

from experiments.report.report import (
    CheckLine,
    Figure,
    Line,
    PilotReport,
    Section,
    Table,
    Tone,
    VerdictLine,
)
from tests.report.sample_parts import effects, money, over_time

HOSTILE: Final = (
    "<script>alert('x')</script> #strong[*a* _b_ $c$ @d <e> [f] \\ & \" {{ 7 * 7 }} // \x07"
)
NAMES: Final = "Zażółć gęślą jaźń, Łódź; Größe, Köln"
LONG: Final = "Donaudampfschifffahrtsgesellschaftskapitänsmützenbestellquote" * 2


def sample_report() -> PilotReport:
    """The men's e-mail of spring: proved, with a guardrail, three tiers and two bases."""
    return PilotReport(
        title="Men's e-mail, spring",
        slug="mens-email-spring",
        question=(
            "An e-mail with men's merchandise makes customers of the past year spend more in the"
            " two weeks after it than they would have spent anyway."
        ),
        people="Owner Łucja Żółkiewska · sponsor Jörg Größmann · 21 March to 3 April 2026",
        registration=(
            "The plan was signed on 14 March 2026, seven days before the first outcome could be"
            " seen."
        ),
        verdict=VerdictLine(
            treatment="e-mail",
            word="✓ Proved",
            tone=Tone.GOOD,
            sentence=(
                "The e-mail pays. Each mailed customer brought 0.35 USD more margin"
                " (0.22 to 0.47) for 0.10 USD of cost."
            ),
            why=(
                "Mailed customers spent 0.77 USD more in two weeks (0.49 to 1.05) than customers"
                " who were held out by lot, and no guardrail moved the wrong way."
            ),
            advice="Roll it out to all 64,000 customers of the past year.",
        ),
        other_verdicts=(),
        figures=(
            Figure(
                label="Net of the pilot",
                value="5,200 USD",
                interval="2,500 to 8,000",
                note="margin less cost, 21,307 mailed customers",
            ),
            Figure(
                label="Return on investment",
                value="245 %",
                interval="117 % to 373 %",
                note="net for every 100 of cost",
            ),
            Figure(
                label="Effect per customer",
                value="0.77 USD",
                interval="0.49 to 1.05",
                note="spend in two weeks, against held out",
            ),
        ),
        effects=effects(),
        over_time=over_time(("e-mail",)),
        done=(
            Line("Who", "42,613 customers who bought in the past twelve months"),
            Line("How many", "21,307 mailed, 21,306 held out"),
            Line("When", "21 March to 3 April 2026, fourteen days for everybody"),
            Line("How chosen", "By lot, by a keyed hash of the customer number, within tiers"),
            Line("How often looked", "Once, on 3 April 2026, as planned"),
        ),
        checks_line=(
            "9 checks passed, 1 warned: the split is as planned (p = 0.995), groups were alike"
            " before, nobody changed group; 0.3 % of purchases have no customer."
        ),
        checks=(
            CheckLine("Split", "passed", "21,307 to 21,306 as planned, p = 0.995", Tone.GOOD),
            CheckLine(
                "Balance", "passed", "Largest standardised difference 0.012, below 0.1", Tone.GOOD
            ),
            CheckLine(
                "Crossing", "passed", "No customer of the control group was mailed", Tone.GOOD
            ),
            CheckLine(
                "Purchases without a customer",
                "warned",
                "0.3 % of purchases (412 of 137,204) could not be tied to a customer",
                Tone.CAUTION,
            ),
        ),
        money=(
            money("On what the pilot cost, the e-mail earns 0.24 USD a customer", decides=True),
            money("With set-up spread over a year, it earns 0.22 USD a customer", decides=False),
        ),
        segments=(
            Section(
                title="By tier",
                lead="Gold customers gain most; the e-mail pays in every tier that it reached.",
                tables=(
                    Table(
                        caption="Spend per customer by tier, with 95 % intervals.",
                        heads=("Tier", "Customers", "Held out", "Mailed", "Effect", "Interval"),
                        numeric=(False, True, True, True, True, True),
                        rows=(
                            ("Bronze", "21,004", "0.41", "0.88", "+0.47", "0.20 to 0.74"),
                            ("Silver", "14,802", "0.70", "1.49", "+0.79", "0.28 to 1.30"),
                            ("Gold", "6,807", "1.33", "2.95", "+1.62", "0.62 to 2.62"),
                            ("All", "42,613", "0.65", "1.42", "+0.77", "0.49 to 1.05"),
                        ),
                        strong=(3,),
                    ),
                ),
            ),
            Section(
                title="By city",
                lead="Cities differ less than chance alone would make them.",
                tables=(
                    Table(
                        caption="Spend per customer by city, with 95 % intervals.",
                        heads=("City", "Customers", "Effect", "Interval"),
                        numeric=(False, True, True, True),
                        rows=(
                            ("Łódź", "12,410", "+0.71", "0.20 to 1.22"),
                            ("Köln", "11,998", "+0.80", "0.26 to 1.34"),
                        ),
                    ),
                ),
            ),
        ),
        numbers=Section(
            title="Method and every number",
            lead=(
                "Difference of means with unequal variances, adjusted for spend in the eight weeks"
                " before (CUPED); intervals at 95 %."
            ),
            tables=(
                Table(
                    caption="Sufficient statistics by group.",
                    heads=("Group", "Customers", "Mean, USD", "Deviation", "Buyers", "Returned"),
                    numeric=(False, True, True, True, True, True),
                    rows=(
                        ("control", "21,306", "0.6528", "11.588", "122", "9"),
                        ("e-mail", "21,307", "1.4226", "17.754", "267", "21"),
                    ),
                ),
                Table(
                    caption="Tests behind the effects.",
                    heads=("Metric", "Statistic", "p", "Adjusted p"),
                    numeric=(False, True, True, True),
                    rows=(
                        ("Spend", "t = 5.30", "< 0.001", "< 0.001"),
                        ("Conversion", "z = 7.39", "< 0.001", "< 0.001"),
                    ),
                ),
            ),
        ),
        glossary=(
            Line("interval", "The range that holds the true value in 95 of 100 such pilots."),
            Line("held out", "Left without the program by lot, to show what happens anyway."),
            Line("CUPED", "Uses what customers did before to take noise out of what they did."),
            Line("return on investment", "Net for every 100 of cost."),
            Line("p", "How often chance alone would show a difference at least this large."),
        ),
        fingerprints=(
            Line("Plan", "9f2c41d07a6be3c5d8e1b2a4f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829"),
            Line("Enrolment", "5d1be0c2f4a69788b7a6958473625140fedcba98765432100123456789abcdef"),
        ),
        made_on=date(2026, 4, 7),
    )


def veiled_report() -> PilotReport:
    """A pilot whose outcome nobody may see yet."""
    return replace(
        sample_report(),
        verdict=VerdictLine(
            treatment="e-mail",
            word="▒ Veiled until 3 April",
            tone=Tone.PLAIN,
            sentence="Nothing can be said yet: the outcome is veiled until 3 April 2026.",
            why="Looking early would make a lucky week look like a result.",
            advice="Wait for the last day; keep the groups apart until then.",
        ),
        figures=(),
        effects=None,
        over_time=None,
        money=(),
        segments=(),
        numbers=Section(
            title="Method and every number", lead="Nothing is computed yet.", tables=()
        ),
    )


def two_treatments_report() -> PilotReport:
    """Two letters against control: one proved, one disproved; the plan came late."""
    report = sample_report()
    first = replace(report.verdict, treatment="men's e-mail")
    second = VerdictLine(
        treatment="women's e-mail",
        word="✕ Disproved",
        tone=Tone.BAD,
        sentence=(
            "The women's e-mail costs more than it brings: 0.04 USD less net a customer"
            " (0.01 to 0.07 less)."
        ),
        why="Its margin of 0.06 USD (0.03 to 0.09) stays below the cost of 0.10 USD.",
        advice="Stop it.",
    )
    rows = effects().rows
    doubled = tuple(
        replace(
            row,
            label=f"{row.label}, {name}",
            value=row.value * k,
            low=row.low * k,
            high=row.high * k,
        )
        for row in rows
        for name, k in (("men's e-mail", 1.0), ("women's e-mail", 0.3))
    )
    return replace(
        report,
        registration="The plan was signed on 9 April 2026, after the outcome could be seen.",
        verdict=first,
        other_verdicts=(second,),
        effects=replace(effects(), rows=doubled),
        over_time=over_time(("men's e-mail", "women's e-mail")),
        money=(*report.money, *report.money),
    )


def crowded_report() -> PilotReport:
    """Twelve metrics, one of them hopelessly noisy, and names that never end."""
    report = sample_report()
    base = effects().rows
    rows = tuple(
        replace(
            base[i % len(base)],
            label=f"{LONG if i == 7 else base[i % len(base)].label} {i + 1}",
            headline=i == 0,
            break_even=base[0].break_even if i == 0 else None,
        )
        for i in range(12)
    )
    noisy = replace(rows[5], value=3.1, low=-9.0, high=15.0, tone=Tone.PLAIN)
    wide = Table(
        caption=f"A table of many columns, for {LONG}.",
        heads=tuple(f"Column {i} of a table" for i in range(11)),
        numeric=(False, *(True for _ in range(10))),
        rows=tuple(
            (LONG if i == 1 else f"Row {i}", *(f"{i * j * 1234.5:,.1f}" for j in range(10)))
            for i in range(40)
        ),
    )
    return replace(
        report,
        title=f"Pilot of the {LONG}",
        people=f"Owner {LONG} · sponsor {LONG}",
        effects=replace(
            effects(),
            rows=(*rows[:5], noisy, *rows[6:]),
            left_out=("Returned goods have no relative change: the control mean is zero.",),
        ),
        segments=(replace(report.segments[0], title=LONG, tables=(wide,)), report.segments[1]),
    )


def hostile_report() -> PilotReport:
    """A report in which every text that a person may type is an attack or a strange alphabet."""
    report = sample_report()
    assert report.effects is not None
    assert report.over_time is not None
    return replace(
        report,
        title=f"Title {HOSTILE}",
        question=f"Question {HOSTILE} 日本 שלום 😀 \ud800",
        people=f"Owner {HOSTILE} {NAMES}",
        verdict=replace(report.verdict, sentence=f"Sentence {HOSTILE} {NAMES}"),
        effects=replace(
            report.effects,
            title=f"Effects {HOSTILE}",
            rows=tuple(replace(r, label=f"{HOSTILE} {r.label} 日本") for r in report.effects.rows),
        ),
        done=(Line(HOSTILE, HOSTILE), *report.done[1:]),
        segments=(replace(report.segments[0], title=HOSTILE, lead=HOSTILE),),
    )
