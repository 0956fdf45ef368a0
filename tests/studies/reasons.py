"""Why a cell is off, and what the product shows the user there."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.studies.cells import Side

LIBERAL, CONSERVATIVE, SHIFTED = Side.LIBERAL, Side.CONSERVATIVE, Side.SHIFTED
TOO_OFTEN = (LIBERAL, SHIFTED)
ANY = (LIBERAL, CONSERVATIVE, SHIFTED)


@dataclass(frozen=True, slots=True)
class Known:
    """An explanation of cells that are off.

    Attributes:
        cells: Pattern of their names: family / method / data.
        sides: On which sides they may be off.
        reason: Why.
        shown: What the product shows the user there; empty where nothing points it out, which a
            "proved" that is wrong too often may not be.
    """

    cells: str
    sides: tuple[Side, ...]
    reason: str
    shown: str


def known(name: str, side: Side) -> Known | None:
    """The first explanation of a cell that is off on this side.

    On plain normal data only an explanation that names it counts: there a method has no excuse.
    """
    plain = name.endswith(" / normal")
    for one in KNOWN:
        if side in one.sides and fnmatchcase(name, one.cells):
            if plain and not one.cells.endswith(" / normal"):
                continue
            return one
    return None


DETAIL = "a detail for analysts; the headline decides"
SMALL_AND_SKEWED = (
    "a small group of skewed customers that lacks its few large ones has a low mean and a small "
    "spread together, and its own skewness does not tell"
)
FEW_EVENTS = "with so few events the next possible count is far away"
SKEWNESS_RULE = "the skewness rule is asked at every look, as at the end (family product)"

CAREFUL = "the verdict asks for careful intervals below 40 clusters an arm (family product)"

KNOWN: tuple[Known, ...] = (
    Known("product / clusters / 20 clusters an arm, normal", (LIBERAL,), (
        "residuals around an estimated ratio are a little too small where clusters of unequal "
        "sizes decide it; both tails stay below 3 %"
    ), CAREFUL),
    Known("several / partial pooling of 5, the least precise / *", (CONSERVATIVE,), (
        "the interval counts how little is known of the spread between levels, and an imprecise "
        "level borrows most where there is none"
    ), "a wide interval"),
    Known("product / mean / 98 % zeros, lifted *", ANY, (
        "40 buyers tell too little of the skewness to correct for all of it; it is the tail that "
        "disproves, the one that proves stays below 2.5 %"
    ), "the careful interval beside the headline's"),
    Known("rates / newcombe / 98 % zeros, 5 *", (CONSERVATIVE,), FEW_EVENTS, "a wide interval"),
    Known("rates / newcombe / 90:10 *", (SHIFTED, CONSERVATIVE), (
        "a control group that expects 8 events varies in coarse steps, to one side; it is the "
        "tail that disproves"
    ), "the events of each group beside the interval"),
    Known(
        "rates / newcombe / 10:90 *",
        TOO_OFTEN,
        "a treatment group that expects 8 events varies in coarse steps, to one side",
        "the check `enough customers` warns where fewer than 10 events are expected",
    ),
    Known(
        "rates / * / 10:90 *",
        ANY,
        "a treatment group that expects 8 events varies in coarse steps, to one side",
        DETAIL,
    ),
    Known("rates / * / 90:10 *", ANY, (
        "a control group that expects 8 events varies in coarse steps, to one side"
    ), DETAIL),
    Known("rates / * / n = 50 *", ANY, "the normal approximation in 25 customers", DETAIL),
    Known("rates / * / 98 % zeros, 5 *", ANY, FEW_EVENTS, DETAIL),
    Known("rates / mantel-haenszel * / 90:10 *", ANY, "the normal approximation", DETAIL),
    Known("clusters / ratio of sums / 8 *", TOO_OFTEN, (
        "residuals around an estimated ratio are too small where few clusters of unequal sizes "
        "decide it"
    ), "under 10 clusters an arm the re-randomisation p stands beside"),
    Known("clusters / ratio of sums / 45 *", TOO_OFTEN, SMALL_AND_SKEWED, (
        "under 10 clusters an arm the re-randomisation p stands beside"
    )),
    Known("clusters / ratio of sums / 90 *", TOO_OFTEN, SMALL_AND_SKEWED, CAREFUL),
    Known("clusters / ratio of sums / 20 *", TOO_OFTEN, (
        "residuals around an estimated ratio are a little too small where clusters of unequal "
        "sizes decide it"
    ), CAREFUL),
    Known("clusters / ratio of sums / *98 % zeros", (CONSERVATIVE,), FEW_EVENTS, "a wide interval"),
    Known("clusters / lin on cluster totals / *", ANY, (
        "two covariates take more from few clusters than their degrees of freedom allow for"
    ), "under 20 clusters a covariate and arm the unadjusted is the headline"),
    Known("clusters / re-randomisation / 90 *", ANY, SMALL_AND_SKEWED, DETAIL),
    Known("clusters / re-randomisation / 45 *", ANY, SMALL_AND_SKEWED, DETAIL),
    Known("clusters / CR2 on rows / *", ANY, "few clusters of unequal sizes", DETAIL),
    Known("planned looks / * / 90:10 *", TOO_OFTEN, SMALL_AND_SKEWED, SKEWNESS_RULE),
    Known("planned looks / * / n = 50 *", (CONSERVATIVE,), (
        "Student's t is too wide for few skewed customers, equally many in both groups"
    ), "a wide interval"),
    Known("any day / asymptotic sequence / 90:10 *", (LIBERAL,), SMALL_AND_SKEWED + (
        "; both tails together keep 5 %"
    ), SKEWNESS_RULE),
    Known("any day / mSPRT / 90:10 *", (LIBERAL,), SMALL_AND_SKEWED, DETAIL),
    Known("growing window / joint boundaries / 90:10 *", TOO_OFTEN, SMALL_AND_SKEWED, (
        SKEWNESS_RULE
    )),
    Known("growing window / joint boundaries / n = 50 *", (CONSERVATIVE,), (
        "Student's t is too wide for few skewed customers, equally many in both groups"
    ), "a wide interval"),
    Known("extending / pooled *", (LIBERAL,), (
        "the wrong reading: a second chance for the same customers"
    ), "a pooled re-analysis is exploratory and cannot be proved"),
    Known("means / welch / *", ANY, "skewed values in groups of unequal size or spread", (
        "the skewness-corrected interval beside it (family product)"
    )),
    Known("means / student / *", ANY, "skewed values, or groups of unequal spread", DETAIL),
    Known("means / hall / *", ANY, (
        "the skewness is itself estimated, from few large customers"
    ), "the verdict needs it and the headline's interval to agree (family product)"),
    Known("means / bootstrap-t / *", ANY, (
        "resampling cannot bring in the large customers that the sample lacks"
    ), "the verdict needs it and the headline's interval to agree"),
    Known("means / delta lift / normal", ANY, (
        "a quotient of means is skewed, and the interval is symmetric"
    ), "the headline's lift is Fieller's; this is a detail for analysts"),
    Known("means / delta lift / *", ANY, (
        "a quotient of means is skewed, and the interval is symmetric"
    ), "the headline's lift is Fieller's; this is a detail for analysts"),
    Known("means / log delta lift / *", ANY, (
        "the logarithm of a quotient of skewed means is not symmetric either"
    ), "the headline's lift is Fieller's; this is a detail for analysts"),
    Known("means / fieller lift / *", ANY, (
        "the skewness of the means; where the control mean may be zero there is no interval"
    ), "the lift is shown, the verdict rests on the difference"),
    Known("means / mann-whitney / *", (CONSERVATIVE,), (
        "many ties, or few customers, make the test's steps coarse"
    ), DETAIL),
    Known("margins / * / 90:10 *", ANY, SMALL_AND_SKEWED, "the guardrail's interval"),
    Known("margins / * / n = 50 *", ANY, "25 skewed customers a group", "the guardrail's interval"),
    Known("margins / rate TOST * / *", ANY, FEW_EVENTS, DETAIL),
    Known("adjusted / * / *", ANY, (
        "few skewed customers, of which a covariate explains the large ones"
    ), "the unadjusted estimate beside it (family product)"),
    Known("strata / * / *", ANY, (
        "few skewed customers in a stratum; inverse variances weigh the lucky ones more"
    ), "the unadjusted estimate beside it"),
    Known("ratios / * / *", ANY, "skewed values in groups of unequal or small size", (
        "the skewness-corrected interval beside it where the third moment is kept"
    )),
    Known("receipt / * / *", ANY, (
        "skewed values in groups of unequal or small size; no answer where receipt hardly differs"
    ), "beside the headline, named so; Undefined below a first-stage F of 10"),
    Known("several / holm* / *", (LIBERAL,), SMALL_AND_SKEWED, DETAIL),
    Known("several / dunnett* / *", ANY, SMALL_AND_SKEWED, SKEWNESS_RULE),
    Known("time to lapse / Kaplan-Meier * / *", ANY, (
        "the log interval of a survival near 1 is skewed to the other side"
    ), "the curve's band, a picture; tests and differences do not use it"),
    Known("time to lapse / * / *", ANY, "few lapses in a group", DETAIL),
    Known("chosen / * / *", ANY, (
        "the bootstrap knows little of few weighted or skewed customers"
    ), "the verdict is at most supported or contradicted, and says that people chose"),
)  # fmt: skip
