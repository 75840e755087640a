import subprocess
import sys

import pytest

from groupnet_det.errors import ConfigError
from groupnet_det.runtime.score_threshold import check_score_threshold


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")], ids=str)
def test_thresholds_that_are_no_scores(value):
    check_score_threshold(0)
    check_score_threshold(1.0)
    with pytest.raises(ConfigError, match=r"is .*; valid: 0 to 1"):
        check_score_threshold(value)


def test_the_default_is_read_without_torch():
    code = "import groupnet_det.runtime.score_threshold, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
