"""What the hearing path calls is loaded with it: an import in a reply keeps the card waiting."""

import subprocess
import sys

LOOK = """
import sys
import numpy as np
import appliance.enhance.chain
before = set(sys.modules)
levels = np.arange(9.0)
np.median(levels), np.quantile(levels, 0.75), np.percentile(levels, (10, 98))
print(*sorted(set(sys.modules) - before))
"""


def test_order_statistics_load_nothing_when_they_are_first_called() -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
