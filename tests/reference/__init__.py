"""Run reference cases against the library: python -m tests.reference CASES.json --data DIR."""
