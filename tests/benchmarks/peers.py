"""Compare groups one at a time with another library; runs in that library's environment.

    .venv/peers/tea-tasting/bin/python tests/benchmarks/peers.py tea-tasting SUMMARIES.npz FOUND.npz

The objects that a library wants are made before the clock starts: only its comparisons count.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

REPEATS: Final = 3
Row = tuple[int, float, float]
Found = tuple[float, float, float, float]


def main() -> None:
    """Write value, low, high and p of each comparison, and the seconds of the quickest loop."""
    peer, given, out = sys.argv[1:]
    with np.load(Path(given)) as kept:
        treatment, control = (list(map(tuple, kept[side])) for side in ("treatment", "control"))
    comparisons = PEERS[peer](treatment, control)
    took = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        found = [compare() for compare in comparisons]
        took.append(time.perf_counter() - begun)
    np.savez(Path(out), found=np.array(found), seconds=min(took))


def tea_tasting(treatment: list[Row], control: list[Row]) -> list[Callable[[], Found]]:
    """`Mean.analyze_aggregates` for each pair of groups."""
    import tea_tasting as tt  # noqa: PLC0415
    from tea_tasting.aggr import Aggregates  # noqa: PLC0415

    metric = tt.Mean("value", equal_var=False, use_t=True, confidence_level=0.95)

    def aggregates(row: Row) -> Any:
        n, mean, variance = row
        return Aggregates(count_=int(n), mean_={"value": mean}, var_={"value": variance})

    def comparison(treated: Any, controls: Any) -> Callable[[], Found]:
        def compare() -> Found:
            one = metric.analyze_aggregates(controls, treated)
            return (
                one.effect_size, one.effect_size_ci_lower, one.effect_size_ci_upper, one.pvalue
            )  # fmt: skip

        return compare

    return [
        comparison(aggregates(treated), aggregates(controls))
        for treated, controls in zip(treatment, control, strict=True)
    ]


def gbstats(treatment: list[Row], control: list[Row]) -> list[Callable[[], Found]]:
    """`TwoSidedTTest.compute_result` for each pair of groups."""
    from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest  # noqa: PLC0415
    from gbstats.models.statistics import SampleMeanStatistic  # noqa: PLC0415

    config = FrequentistConfig(difference_type="absolute", alpha=0.05)

    def statistic(row: Row) -> Any:
        n, mean, variance = row
        return SampleMeanStatistic(
            n=int(n), sum=n * mean, sum_squares=(n - 1) * variance + n * mean**2
        )

    def comparison(treated: Any, controls: Any) -> Callable[[], Found]:
        def compare() -> Found:
            one = TwoSidedTTest(controls, treated, config).compute_result()
            return one.expected, one.ci[0], one.ci[1], one.p_value

        return compare

    return [
        comparison(statistic(treated), statistic(controls))
        for treated, controls in zip(treatment, control, strict=True)
    ]


PEERS: Final = {"tea-tasting": tea_tasting, "gbstats": gbstats}

if __name__ == "__main__":
    main()
