"""Run reference cases: one line per failure, then how many passed and failed."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.reference.adapters import ADAPTERS
from tests.reference.agreement import disagreements
from tests.reference.reading import Case, Results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases of a file; 1 when any of them fails, or when there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    parser.add_argument("cases", type=Path, help="file of cases, JSON")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--only", default="", help="procedures to run, separated by commas")
    options = parser.parse_args(arguments)
    only = {name.strip() for name in options.only.split(",") if name.strip()}
    cases = json.loads(options.cases.read_text(encoding="utf-8"))["cases"]
    passed = failed = 0
    for case in cases:
        if only and case["procedure"] not in only:
            continue
        problem = judge(case, options.data)
        if problem:
            failed += 1
            print(f"{case['id']} ({case['procedure']}): {problem}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def judge(case: Case, data: Path) -> str:
    """Why a case fails, in one line; empty when it passes."""
    adapter = ADAPTERS.get(case["procedure"])
    if adapter is None:
        return "unknown procedure"
    try:
        results: Results = adapter(case["inputs"], data)
    except Exception as error:
        # One case that cannot be run must not hide the others.
        first_line = str(error).partition("\n")[0]
        return f"{type(error).__name__}: {first_line}"
    return "; ".join(disagreements(case, results))


if __name__ == "__main__":
    sys.exit(main())
