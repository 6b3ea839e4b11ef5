"""How many examples Hypothesis draws, and which.

The same in every run, so that a test fails for what changed in the code. ``THINC_EXAMPLES=4000`` draws as many new
ones instead: that is for finding what nobody thought of (``make fuzz``).
"""

import os

from hypothesis import HealthCheck, settings

SEARCHED = os.environ.get("THINC_EXAMPLES")


def examples(number: int) -> settings:
    return settings(
        max_examples=int(SEARCHED) if SEARCHED else number,
        derandomize=not SEARCHED,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
