"""Statistical terms, a sentence each, for readers who meet them rarely."""

from experiments.report.report import Line

GLOSSARY = (
    Line(
        "Control group",
        "Customers held back at random; what they did is what would have happened anyway.",
    ),
    Line(
        "Interval",
        "The range that holds the true value in 95 of 100 such pilots (or as the plan chose).",
    ),
    Line(
        "p-value",
        "How often chance alone would show a difference at least this large, if there were none.",
    ),
    Line(
        "Adjusted",
        "Compared after taking into account what was known of the customers before the pilot, "
        "which narrows the interval without moving the truth (Lin 2013).",
    ),
    Line(
        "Welch, Newcombe",
        "The unadjusted comparison of means (Welch's t) and of rates (Newcombe's interval, with a "
        "pooled z test).",
    ),
    Line(
        "Points",
        "Difference of two percentages: from 10 % to 12 % is 2 points.",
    ),
    Line(
        "Break-even",
        "The effect at which the margin gained pays for the program's cost exactly.",
    ),
    Line(
        "D",
        "Incremental margin per customer less program cost (and the required return on it); the "
        "verdict is whether its interval lies above or below zero.",
    ),
    Line(
        "Simultaneous interval",
        "With several treatments, intervals wide enough to be right together (Dunnett).",
    ),
    Line(
        "Guardrail",
        "A metric that must not get worse by more than the plan accepts.",
    ),
    Line(
        "Retrospective",
        "The plan was registered when the outcome could already be known, so it proves less.",
    ),
)
