"""Which plan is it, exactly? One canonical text, and its SHA-256."""

import hashlib
import json

from experiments.pilot import Plan


def canonical_json(plan: Plan) -> str:
    """The plan as JSON in one way only: sorted keys, no blanks, every default written out.

    Numbers are plain decimals in quotes, so that 0.10 and 1e-1 are the same plan and nothing is
    rounded through a binary fraction.
    """
    return json.dumps(
        plan.model_dump(mode="json", exclude_none=True),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )


def fingerprint(plan: Plan) -> str:
    """SHA-256 of the canonical JSON in UTF-8, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(plan).encode()).hexdigest()
