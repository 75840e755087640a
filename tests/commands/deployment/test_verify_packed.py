"""tools/verify_packed.py, and tools/train_net.py with a packed file, as a user runs them."""

import json
import subprocess
import sys

import pytest
import torch
from detectron2.modeling import build_model

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.checkpoint.checkpointer import Checkpointer
from groupnet_det.commands.deployment import export_packed, verify_packed
from groupnet_det.config import load_config
from groupnet_det.errors import ConfigError
from groupnet_det.exporting.packed.layers.rounded_stem import RoundedConv
from groupnet_det.exporting.packed.trained import export_trained, load_trained, make_predictors
from groupnet_det.exporting.verify.predictions import Verdict, verdict_of
from groupnet_det.inference.dataset_scores import DatasetScores
from groupnet_det.inference.packed_model import build_packed_model
from groupnet_det.packed.packed_file import read_packed, write_packed
from groupnet_det.runtime.backends import extension
from tests.conftest import write_noise_images
from tests.exporting import tiny_panoptic as panoptic
from tests.exporting.networks import settle
from tests.exporting.tiny_classifier import (
    CONFIG,
    OPTIONS,
    PACKED,
    WEIGHTS,
    copy_tiny_classifier,
    write_tiny_classifier,
)
from tests.exporting.tiny_slimmable import SLIMMABLE, write_slimmable


@pytest.fixture
def tiny(tmp_path, tiny_packed, datasets_env):
    """Path of a packed file; ``model.pth`` lies beside."""
    return copy_tiny_classifier(tiny_packed, tmp_path) / PACKED


@pytest.fixture
def many_images(tmp_path):
    """Config keys of a data set that is large enough to tell."""
    images = tmp_path / "noise"
    write_noise_images(images, {str(digit): 10 for digit in range(10)}, shape=(28, 28))
    entry = {"NAME": "noise_of_verification", "FORMAT": "image_folder", "ROOT": str(images)}
    return ["DATASETS.CUSTOM", str([entry]), "DATASETS.TEST", "['noise_of_verification']"]


@pytest.fixture
def verify(root, tiny, monkeypatch, capsys):
    """Run the tool; its exit code and what it printed."""

    def run(*flags, weights=None, options=()):
        command = ["--config-file", root / CONFIG, "--packed", tiny, "--num-images", "2", *flags]
        command += [*OPTIONS, *options, "MODEL.WEIGHTS", weights or tiny.with_name(WEIGHTS)]
        try:
            code = verify_packed.main(list(map(str, command)))
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


REFERENCE = ("--backend", "reference")
SEMSEG = "configs/quick/semseg_groupnet_photo_digits.yaml"


def test_a_right_file_without_the_engine(verify, many_images, tmp_path):
    path = tmp_path / "report.json"
    code, printed = verify(*REFERENCE, "--json", path, options=many_images)
    assert code == 0
    assert printed.splitlines()[-1] == "verified, without the engine"
    assert "skipped" in printed
    assert "FAILED" not in printed
    report = json.loads(path.read_text())
    assert (report["verified"], report["engine"]) == (True, False)
    assert {f["check"] for f in report["findings"]} == {"engine", "blocks", "metric", "agreement"}
    assert "the same classes in 100 of 100 (100.0 %) images" in printed


def test_20_images_cannot_shows(verify, tmp_path):
    path = tmp_path / "report.json"
    code, printed = verify(*REFERENCE, "--json", path)
    assert code == 3
    assert printed.splitlines()[-1].startswith("INCONCLUSIVE: nothing is wrong")
    assert "FAILED" not in printed
    report = json.loads(path.read_text())
    assert (report["verdict"], report["verified"]) == ("inconclusive", False)
    assert "the same classes in 20 of 20 (100.0 %) images" in printed


@pytest.mark.skipif(not extension.is_built(), reason="the engine is not built")
def test_a_right_file_with_the_engine(verify, many_images):
    code, printed = verify(options=many_images)
    assert (code, printed.splitlines()[-1]) == (0, "verified")


def test_a_file_with_8_bit_convolutions(root, verify, tiny, many_images, datasets_env):
    options = [*OPTIONS, "MODEL.GROUPNET.DOWNSAMPLE", "float"]
    torch.manual_seed(0)
    model = build_model(load_config(str(root / CONFIG), options))
    settle(model)
    torch.nn.init.normal_(model.fc.weight)
    weights = tiny.with_name("float_downsampling.pth")
    torch.save({"model": model.state_dict()}, weights)
    flags = ["--float-convs", "int8", "--calibration-images", "8"]
    command = ["--config-file", root / CONFIG, "--output", tiny, *flags, *options]
    assert export_packed.main(list(map(str, [*command, "MODEL.WEIGHTS", weights]))) == 0
    assert set(read_packed(tiny).info["int8_convs"]) == {
        f"backbone.res{stage}.0.downsample.conv" for stage in (3, 4)
    }
    code, printed = verify(*REFERENCE, weights=weights, options=[*options, *many_images])
    assert "blocks" in printed
    assert "FAILED" not in printed, printed
    assert code in (0, 3)  # random weights are moved by 8 bits further than trained ones


def test_one_wrong_bit_of_a_weight_is_found(verify, tiny):
    packed = read_packed(tiny)
    weight = packed.program.steps[2].branches[0].terms[0].weight
    packed.tensors[weight][-1].view(-1)[0] ^= 1  # the first channel is switched off
    write_packed(tiny, packed.program, packed.info, packed.tensors)  # with a right checksum
    code, printed = verify(*REFERENCE)
    assert code == 1
    assert "NOT verified" in printed
    line, *_ = [line for line in printed.splitlines() if "FAILED" in line]
    assert line.split()[:2] == ["blocks", "res2.0"]


def test_another_checkpoint_is_reported(verify, root, tmp_path_factory):
    other = write_tiny_classifier(root, tmp_path_factory.mktemp("other"), seed=1)
    code, printed = verify(*REFERENCE, weights=other / WEIGHTS)
    assert code == 1
    assert "was not made from" in printed


def test_a_damaged_file_is_one_line(verify, tiny):
    content = bytearray(tiny.read_bytes())
    content[-1] ^= 1
    tiny.write_bytes(content)
    code, _ = verify(*REFERENCE)
    assert code.startswith("error: packed file ")
    assert "checksum" in code


def test_without_the_engine_the_fix_is_reported(verify, monkeypatch, tmp_path):
    monkeypatch.setattr(extension, "LIBRARY", tmp_path / "absent.so")
    extension.load_extension.cache_clear()
    code, _ = verify()
    extension.load_extension.cache_clear()
    assert code.startswith("error: ")
    assert "is not built" in code
    assert 'backend="reference"' in code


def test_a_data_set_is_needed(verify):
    code, _ = verify(*REFERENCE, options=["DATASETS.TEST", "()"])
    assert "DATASETS.TEST is empty" in code


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_a_classifier_has_no_other_last_layers(verify, kind):
    code, _ = verify(*REFERENCE, "--predictors", kind)
    assert code == "error: --predictors is for detectors and segmenters; leave it out here"


@pytest.fixture
def small_segmenter(root, tmp_path, datasets_env):
    """Config and path of a packed segmenter with random weights."""
    options = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.SEM_SEG_HEAD.CONVS_DIM", "8"]
    cfg = load_config(str(root / SEMSEG), [*options, "MODEL.DEVICE", "cpu"])
    torch.manual_seed(0)
    Checkpointer(build_model(cfg), str(tmp_path)).save("model_final")
    options += ["MODEL.WEIGHTS", str(tmp_path / "model_final.pth")]
    return verify_packed.prepare_check(
        load_config(str(root / SEMSEG), options)
    ), tmp_path / "model.gnp"


def test_what_8_bits_cost_is_shown(small_segmenter, monkeypatch):
    cfg, path = small_segmenter
    trained, rest = load_trained(cfg)
    files = {
        kind: export_trained(cfg, trained, rest, make_predictors(cfg, trained, kind, 1))
        for kind in ("float", "int8")
    }
    write_packed(path, files["float"].program, files["float"].info, files["float"].tensors)
    own = build_packed_model(cfg, str(path), backend="reference")
    scores = {"float": 71.25, "int8": 71.0}

    def score(cfg, model, dataset):
        value = scores[model.predictor.info["predictors"]]
        return DatasetScores(values={"sem_seg/mIoU": value}, predictions=[{}] * 7)

    monkeypatch.setattr(verify_packed, "score_dataset", score)
    (finding,) = verify_packed.cost_of(cfg, own, files["int8"], "reference")
    assert finding.found == "sem_seg/mIoU 71.25 float, 71.00 int8: -0.25"
    assert (finding.check, finding.compared, finding.verdict) == ("cost", 7, "shown")
    assert verdict_of([finding]) is Verdict.INCONCLUSIVE  # it proves nothing
    with pytest.raises(ConfigError, match="has --predictors float already; name the other"):
        verify_packed.check_other(own, "float")
    verify_packed.check_other(own, "int8")


def test_evaluation_of_a_packed_file(root, tiny, tmp_path):
    csvs = []
    for weights, flags in ((tiny.with_name(WEIGHTS), ()), (tiny, REFERENCE)):
        output = tmp_path / weights.suffix
        command = ["tools/train_net.py", "--config-file", CONFIG, "--num-gpus", "0", "--eval-only"]
        command += [*flags, *OPTIONS, "MODEL.WEIGHTS", str(weights), "OUTPUT_DIR", str(output)]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *command], cwd=root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "copypaste: Task: classification" in done.stdout
        rows = (output / "inference/predictions.csv").read_text().splitlines()
        csvs.append([row.rpartition(",")[0] for row in rows])  # all but the probability
    assert csvs[0] == csvs[1]
    assert len(csvs[0]) == 21


def test_boxes_masks_and_labels_of_a_panoptic_file(root, tiny_panoptic, datasets_env):
    options = [*panoptic.OPTIONS, "MODEL.WEIGHTS", str(tiny_panoptic / panoptic.WEIGHTS)]
    cfg = verify_packed.prepare_check(load_config(str(root / panoptic.CONFIG), options))
    backend = "native" if extension.is_built() else "reference"
    path = tiny_panoptic / panoptic.PACKED
    findings = verify_packed.verify(cfg, path, backend=backend, num_images=1)
    metrics = [finding for finding in findings if finding.check == "metric"]
    names = [finding.found.split()[0] for finding in metrics]
    assert names == ["bbox/AP", "segm/AP", "sem_seg/mIoU"]
    assert {finding.compared for finding in metrics} == {4}
    assert {finding.verdict for finding in metrics} == {"INCONCLUSIVE"}  # of 4 images
    agreement = [finding for finding in findings if finding.check == "agreement"]
    assert [finding.found.split()[2] for finding in agreement] == ["detections", "labels"]
    others = {f.verdict for f in findings if f.check in ("engine", "blocks")}
    assert others == ({"passed"} if backend == "native" else {"passed", "skipped"})


@pytest.mark.parametrize(
    ("trained", "images", "is_rounded_too"),
    [(89.0, 100, False), (88.0, 100, True), (89.0, 200, True)],
    ids=["one-image", "two-images", "two-of-more"],
)
def test_of_a_classifier_one_image_may_change(
    root, tiny, monkeypatch, trained, images, is_rounded_too
):
    cfg = verify_packed.prepare_check(
        load_config(str(root / CONFIG), [*OPTIONS, "MODEL.WEIGHTS", str(tiny.with_name(WEIGHTS))])
    )
    network, _ = load_trained(cfg)
    packed = build_packed_model(cfg, str(tiny), backend="reference")
    scored = []

    def score(cfg, model, dataset):
        scored.append(model)
        value = trained if model is network else 90.0
        return DatasetScores(values={"classification/top1": value}, predictions=[{}] * images)

    monkeypatch.setattr(verify_packed, "score_dataset", score)
    (finding,) = verify_packed.compare_predictions(cfg, network, packed, "val")
    assert (len(scored) == 3) == is_rounded_too
    assert finding.verdict == ("INCONCLUSIVE" if is_rounded_too else "passed")


@pytest.mark.parametrize("apart", [0.05, 0.3], ids=["near", "far"])
def test_scores_far_apart_are_held_against_the_rounded_stem(small_segmenter, monkeypatch, apart):
    cfg, path = small_segmenter
    trained, rest = load_trained(cfg)
    file = export_trained(cfg, trained, rest, make_predictors(cfg, trained, "float", 1))
    write_packed(path, file.program, file.info, file.tensors)
    packed = build_packed_model(cfg, str(path), backend="reference")
    scored = []

    def score(cfg, model, dataset):
        is_rounded = any(isinstance(each, RoundedConv) for each in model.modules())
        kind = "packed" if model is packed else "rounded" if is_rounded else "trained"
        scored.append(kind)
        value = 70.0 + (0.0 if kind == "trained" else apart)
        return DatasetScores(values={"sem_seg/mIoU": value}, predictions=[{}] * 100)

    monkeypatch.setattr(verify_packed, "score_dataset", score)
    (finding,) = verify_packed.compare_predictions(cfg, trained, packed, "val")
    assert finding.verdict == "passed"
    assert scored == ["trained", "packed", "rounded"][: 2 if apart < 0.1 else 3]


def test_a_report_that_cannot_be_written_is_told_before_the_work(verify, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(verify_packed, "verify", lambda *_, **__: pytest.fail("it has begun"))
    code, _ = verify(*REFERENCE, "--json", tmp_path / "file/report.json")
    assert code.startswith(f"error: --json {tmp_path}/file/report.json: its folder cannot be made")


@pytest.mark.skipif(not extension.is_built(), reason="the engine is not built")
def test_each_number_of_bases_is_verified(root, tmp_path, datasets_env, many_images, capsys):
    write_slimmable(root, tmp_path)
    words = ["--config-file", str(root / CONFIG), *SLIMMABLE, *many_images]
    words += ["MODEL.WEIGHTS", str(tmp_path / WEIGHTS)]
    packed = str(tmp_path / PACKED)
    assert export_packed.main([*words[:2], "--output", packed, *words[2:]]) == 0
    flags = ["--packed", packed, "--num-images", "2"]
    code = verify_packed.main([*words[:2], *flags, *words[2:]])
    printed = capsys.readouterr().out
    assert code == 0
    for number in (1, 2, 4):
        assert f"K={number}: res2.0" in printed
    assert "K=3" not in printed
