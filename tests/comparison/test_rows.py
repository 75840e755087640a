import datetime

import torch

from groupnet_det.analysis.complexity import Complexity
from groupnet_det.comparison.rows import RowKey, make_row, read_comparison
from groupnet_det.files.csv_records import append_record

HEADER = (
    "method,purpose,learning_rate,seed,iterations,metric,score,others,seconds,"
    "binary_operations,float_operations,num_bytes,date,torch"
)
KEY = RowKey(
    method="Group-Net K=2, gates", purpose="result", learning_rate=1e-5, seed=3, iterations=30
)
COMPLEXITY = Complexity(binary_operations=2**40, float_operations=5, num_bytes=9)


def row(**changes):
    key = RowKey(**{**vars(KEY), **changes})
    return make_row(
        key,
        metric="bbox/AP",
        results={"bbox/AP": 200 / 3, "bbox/AP50": 80.0},
        seconds=1.26,
        complexity=COMPLEXITY,
    )


def test_rows_come_back_as_they_were(tmp_path):
    path = tmp_path / "new/rows.csv"
    rows = [row(), row(seed=4)]
    for each in rows:
        append_record(path, each)
    assert read_comparison(path) == rows
    lines = path.read_text().splitlines()
    today = datetime.date.today().isoformat()
    assert lines[0] == HEADER
    others = '"{""bbox/AP50"": 80.0}"'
    assert lines[1] == (
        '"Group-Net K=2, gates",result,1e-05,3,30,'
        f"bbox/AP,66.6667,{others},1.3,1099511627776,5,9,{today},{torch.__version__}"
    )


def test_parts_of_a_row():
    assert row().key == KEY
    assert row().complexity == COMPLEXITY
    assert KEY.folder == "group_net_k_2__gates_result_lr1e-05_seed3_it30"
