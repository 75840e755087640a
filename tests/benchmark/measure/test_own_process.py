"""Numbers from processes of their own."""

import pytest

from groupnet_det.benchmark.measure.own_process import number_from_process
from groupnet_det.errors import UserError


def test_the_last_line_is_the_number():
    code = "import os; print('first'); print(os.environ['HOW_MANY'])"
    assert number_from_process(["-c", code], {"HOW_MANY": "2.5"}) == 2.5


@pytest.mark.parametrize(
    ("code", "message"),
    [("raise ValueError('no\\nmemory')", "^memory$"), ("raise SystemExit(3)", "without a word")],
    ids=["told", "silent"],
)
def test_a_failure_is_one_line(code, message):
    with pytest.raises(UserError, match=message):
        number_from_process(["-c", code])
