"""Nothing is left over after ten thousand steps, rounds of saving and loading, or failed calls."""

import json
from pathlib import Path

import pytest

from helpers.process import run_python

COUNTER = Path(__file__).parent / "helpers" / "leak_counts.py"
ROUNDS = 10_000
# What caches may still fill up with. One leaked object or block per ten rounds would be far above each.
LIMITS = {"python blocks": 500, "native bytes": 200_000, "python bytes": 40_000}


@pytest.mark.parametrize("work", ["steps", "saves", "failures"])
def test_no_leaks(work):
    left = json.loads(run_python(COUNTER, work, ROUNDS).stdout)
    for what, limit in LIMITS.items():
        assert left[what] is None or left[what] < limit, (work, left)
