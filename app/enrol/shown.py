"""What the enrol page says of customers and groups, in words and places of dots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.enrol.lists import Overlap
from experiments.analyse.alike import Alike, BaselineGap
from experiments.analyse.checks import NOTABLE_DIFFERENCE, Outcome
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.pilot import Plan
from experiments.report.build import OUTCOME_WORDS, TONES
from experiments.report.report import CheckLine, Tone
from experiments.report.wording import counted

GAPS_SHOWN: Final = 12
EDGE: Final = 3 * NOTABLE_DIFFERENCE  # standard deviations at the ends of the axis
WIDTH: Final = 240  # of the drawing of a gap
_REACH: Final = WIDTH / 2 - 6  # from zero to the outermost dot
_HALF_BAND: Final = _REACH * NOTABLE_DIFFERENCE / EDGE


@dataclass(frozen=True, slots=True)
class GapLine:
    """A dot on an axis: where it is, and what it says.

    Attributes:
        label: What was known before; with the treatment where there are several.
        text: The difference in standard deviations.
        at: Place of the dot; None where there is no difference to show.
        outside: Whether it lies outside the band.
    """

    label: str
    text: str
    at: float | None
    outside: bool


@dataclass(frozen=True, slots=True)
class AlikeShown:
    """Whether the groups are alike.

    Attributes:
        sentence: The answer.
        tone: What it means.
        checks: What it rests on.
        gaps: The largest differences.
        hidden: How many smaller ones are not shown.
        width: Of the drawing.
        middle: Place of zero.
        band: Left end and width of the band within which a difference is small.
    """

    sentence: str
    tone: Tone
    checks: tuple[CheckLine, ...]
    gaps: tuple[GapLine, ...]
    hidden: int
    width: int = WIDTH
    middle: float = WIDTH / 2
    band: tuple[float, float] = (WIDTH / 2 - _HALF_BAND, 2 * _HALF_BAND)


def enrolled_sentence(receipt: EnrolmentReceipt) -> str:
    """The receipt in a sentence.

    Example:
        >>> from datetime import date
        >>> receipt = EnrolmentReceipt(
        ...     batch_no=1, fingerprint="", arms={"Control": 600, "E-mail": 600}, counted=1203,
        ...     left_out=3, assigned=False, tier=None, attributes=(),
        ...     last_enrolled_on=date(2026, 3, 1))
        >>> enrolled_sentence(receipt)
        '1,200 customers enrolled: 600 in Control, 600 in E-mail; 3 rows left out.'
    """
    units = {
        arm: f" ({counted(clusters, 'cluster', 'clusters')})"
        for arm, clusters in receipt.clusters.items()
    }
    groups = ", ".join(
        f"{customers:,} in {arm}{units.get(arm, '')}" for arm, customers in receipt.arms.items()
    )
    total = counted(sum(receipt.arms.values()), "customer", "customers")
    left_out = f"; {counted(receipt.left_out, 'row', 'rows')} left out" if receipt.left_out else ""
    return f"{total} enrolled: {groups}{left_out}."


def drawn_sentence(receipt: EnrolmentReceipt) -> str:
    """How the groups came about."""
    if not receipt.assigned:
        return "The groups came with the file."
    within = f", within {' and '.join(receipt.strata)}" if receipt.strata else ""
    together = f", each {receipt.cluster} as a whole" if receipt.cluster else ""
    return (
        f"Pilotbook drew the groups with seed {receipt.seed}{within}{together}; the same "
        f"seed and the same customers give the same groups again."
    )


def planned_groups(plan: Plan, *, customers: int) -> list[tuple[str, str]]:
    """Per group, its share and how many customers that is."""
    return [
        (arm, f"{100 * float(share):g} %, about {round(customers * float(share)):,} customers")
        for arm, share in plan.design.planned_shares().items()
    ]


def overlap_sentence(overlap: Overlap) -> str:
    """How many customers another pilot shares."""
    arms = ", ".join(f"{count:,} in {arm}" for arm, count in overlap.arms.items())
    shared = counted(overlap.customers, "customer is", "customers are")
    return f"{shared} also in this pilot, which runs at the same time ({arms})."


def alike_shown(alike: Alike, plan: Plan) -> AlikeShown:
    """What is said of the balance of the groups."""
    outcomes = {check.outcome for check in alike.checks}
    if Outcome.FAILED in outcomes:
        sentence, tone = "The groups are not as they should be; see below.", Tone.BAD
    elif Outcome.WARNED in outcomes:
        sentence, tone = "The groups differ a little; see below.", Tone.CAUTION
    elif alike.gaps:
        sentence, tone = "The groups are alike, and as large as planned.", Tone.GOOD
    else:
        sentence, tone = "The groups are as large as planned.", Tone.GOOD
    ordered = sorted(alike.gaps, key=lambda gap: -abs(gap.difference or 0))
    several = len(plan.design.treatments) > 1
    return AlikeShown(
        sentence=sentence,
        tone=tone,
        checks=tuple(
            CheckLine(
                check.name.replace("_", " "),
                OUTCOME_WORDS[check.outcome],
                check.sentence,
                TONES[check.outcome],
            )
            for check in alike.checks
        ),
        gaps=_lines(ordered[:GAPS_SHOWN], several=several),
        hidden=max(0, len(ordered) - GAPS_SHOWN),
    )


def _lines(gaps: Sequence[BaselineGap], *, several: bool) -> tuple[GapLine, ...]:
    lines = []
    for gap in gaps:
        label = f"{gap.variable}, {gap.treatment}" if several else gap.variable
        if gap.difference is None:
            lines.append(GapLine(label, "nothing varies", None, outside=False))
            continue
        share = max(-1.0, min(1.0, gap.difference / EDGE))
        lines.append(
            GapLine(
                label,
                f"{gap.difference:+.3f}".replace("-", "−"),
                round(WIDTH / 2 + share * _REACH, 1),
                outside=abs(gap.difference) > NOTABLE_DIFFERENCE,
            )
        )
    return tuple(lines)
