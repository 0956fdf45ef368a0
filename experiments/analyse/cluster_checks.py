"""Are there clusters enough for a t distribution? If not, chance itself is asked."""

from collections.abc import Mapping

import numpy as np

from experiments.analyse.checks import Check, Outcome
from experiments.analyse.evidence import Evidence
from experiments.analyse.signs import FEW_CLUSTERS, ClusterTotals
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.trial import FEWEST_CLUSTERS
from experiments.stats.rerandomisation import Rerandomisation, rerandomisation_test
from experiments.terms import CheckName
from experiments.words import p_is


def clusters(
    plan: Plan, counts: Mapping[str, int], totals: Mapping[str, ClusterTotals] | None = None
) -> Check:
    """Does every arm have enough clusters?

    Args:
        plan: Names the arms; its seed draws where there are too many draws to look at each.
        counts: Clusters per arm.
        totals: Money and customers of each, where there are few; None while outcomes are veiled.
    """
    fewest = min(counts.values())
    listed = ", ".join(f"{arm} {count:,}" for arm, count in counts.items())
    if fewest >= FEW_CLUSTERS:
        sentence = f"Every arm has {FEW_CLUSTERS} clusters or more: {listed}."
        return Check(CheckName.CLUSTERS, Outcome.PASSED, False, float(fewest), None, sentence)
    said = [f"An arm has fewer than {FEW_CLUSTERS} clusters: {listed}."]
    if fewest < FEWEST_CLUSTERS:
        said.append(f"With fewer than {FEWEST_CLUSTERS} nothing can be proved.")
    drawn = [] if totals is None else _drawn_anew(plan, totals)
    for treatment, found in drawn:
        how = f"all {found.draws:,}" if found.exact else f"{found.draws:,} random"
        said.append(
            f"Drawing the clusters anew, {how} draws, separates “{treatment}” from control on "
            f"{plan.value.metric} as far as it is with {p_is(found.p_value)}; believe this more "
            f"than the interval."
        )
    return Check(
        CheckName.CLUSTERS,
        Outcome.WARNED,
        False,
        float(fewest),
        min((found.p_value for _, found in drawn), default=None),
        " ".join(said),
    )


def too_few_clusters(plan: Plan, evidence: Evidence) -> bool:
    """Whether an arm has so few clusters that nothing can be proved."""
    if not evidence.clustered:
        return False
    sums = evidence.of(plan.value.metric).sums
    counts = [sums[arm].n if arm in sums else 0 for arm in plan.design.arms]
    return min(counts) < FEWEST_CLUSTERS


def _drawn_anew(
    plan: Plan, totals: Mapping[str, ClusterTotals]
) -> list[tuple[str, Rerandomisation]]:
    """The re-randomisation test of each treatment against control."""
    control = totals.get(plan.design.control)
    found = []
    for treatment in plan.design.treatments:
        treated = totals.get(treatment)
        if treated is None or control is None:
            continue
        test = rerandomisation_test(
            totals=[*treated.money, *control.money],
            sizes=[*treated.customers, *control.customers],
            treated=[True] * len(treated.money) + [False] * len(control.money),
            rng=np.random.default_rng(plan.design.seed or 0),
        )
        if not isinstance(test, Undefined):
            found.append((treatment, test))
    return found
