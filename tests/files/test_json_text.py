import json

import pytest

from groupnet_det.checkpoint.folder import CONFIG_FILE, WEIGHTS_FILE, read_folder
from groupnet_det.data.checks.coco_json import check_coco_file
from groupnet_det.engine.records.metrics_file import read_metrics
from groupnet_det.errors import UserError
from groupnet_det.evaluation.saved.coco_scores import load_result_list
from groupnet_det.files.json_text import parse_json
from groupnet_det.model_zoo.from_manifest import rows_of_manifest
from groupnet_det.visualization.prediction_sheets import load_results

WELLS = {"lists": "[" * 100_000, "objects": '{"a":' * 100_000, "digits": "9" * 100_000}
READERS = {
    "data-set": check_coco_file,
    "results": lambda path: load_result_list(path, "bbox"),
    "drawn-results": load_results,
    "metrics": read_metrics,
    "manifest": lambda path: rows_of_manifest(path, path.parent),
    "folder-of-weights": lambda path: read_folder(path.parent),
}


@pytest.mark.parametrize("well", WELLS.values(), ids=WELLS)
def test_what_python_cannot_follow_is_an_error_of_json(well):
    with pytest.raises(json.JSONDecodeError, match=r"nested too deeply|digits"):
        parse_json(well)


@pytest.mark.parametrize("well", WELLS.values(), ids=WELLS)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_well_is_refused_in_one_line(tmp_path, read, well):
    path = tmp_path / CONFIG_FILE
    path.write_text(well)
    (tmp_path / WEIGHTS_FILE).touch()
    with pytest.raises(UserError, match=str(tmp_path)) as error:
        read(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
