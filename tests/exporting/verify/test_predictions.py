"""Verification finds what is wrong, and nothing else."""

import pytest
import torch

from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.engine import skipped_engine
from groupnet_det.exporting.verify.predictions import (
    FAILED,
    INCONCLUSIVE,
    MIN_IMAGES,
    PASSED,
    SHOWN,
    SKIPPED,
    Finding,
    Verdict,
    check_blocks,
    check_score,
    verdict_of,
    verdict_of_report,
    verification_report,
)
from groupnet_det.packed.packed_file import PackedFile
from groupnet_det.runtime.reference.interpreter import trace_reference
from tests.exporting.networks import CLASS_NAMES, make_classifier


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(0)
    return make_classifier()


@pytest.fixture(scope="module")
def packed(classifier):
    return export_classifier(classifier, class_names=CLASS_NAMES)


@pytest.fixture
def images():
    return torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)


def changed(packed, name, change):
    """The same file with one other tensor."""
    tensors = {key: tensor.clone() for key, tensor in packed.tensors.items()}
    change(tensors[name])
    return PackedFile(packed.program, packed.info, tensors)


def verdicts(findings):
    return {finding.part: finding.verdict for finding in findings}


def test_blocks_of_the_right_file_agree(classifier, packed, images):
    findings = check_blocks(classifier, packed, [images], trace_reference)
    assert {finding.verdict for finding in findings} == {PASSED}
    assert [f.part for f in findings] == [
        *("stem", "res2.0", "res2.1", "res3.0", "res3.1", "res4.0", "res4.1", "logits")
    ]


def flip_one_bit(tensor):
    tensor[-1].view(-1)[0] ^= 1  # the first channel is switched off


@pytest.mark.parametrize(
    ("step", "part"),
    [("res2.1.unit1", "res2.1"), ("res3.0.unit1", "res3.0"), ("res4.1.unit2", "res4.1")],
)
def test_one_bit_of_a_weight_is_found(classifier, packed, images, step, part):
    (found,) = [s for s in packed.program.steps if s.name == step]
    damaged = changed(packed, found.branches[0].terms[0].weight, flip_one_bit)
    result = verdicts(check_blocks(classifier, damaged, [images], trace_reference))
    assert [name for name, verdict in result.items() if verdict == FAILED] == [part]


def test_a_float_weight_is_found(classifier, packed, images):
    fc = packed.program.steps[-1].branches[0].terms[0].weight
    damaged = changed(packed, fc, lambda t: t.mul_(1.01))
    result = verdicts(check_blocks(classifier, damaged, [images], trace_reference))
    assert [name for name, verdict in result.items() if verdict == FAILED] == ["logits"]


def finding(check, verdict):
    return Finding(check=check, part="x", compared=1, found="", verdict=verdict)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([("engine", PASSED), ("blocks", PASSED), ("metric", PASSED)], Verdict.VERIFIED),
        ([("engine", SKIPPED), ("blocks", PASSED), ("metric", PASSED)], Verdict.VERIFIED),
        ([("engine", FAILED), ("blocks", PASSED), ("metric", PASSED)], Verdict.FAILED),
        ([("blocks", FAILED), ("blocks", PASSED), ("metric", PASSED)], Verdict.FAILED),
        ([("blocks", FAILED), ("metric", INCONCLUSIVE)], Verdict.FAILED),
        ([("blocks", PASSED), ("metric", PASSED), ("metric", FAILED)], Verdict.FAILED),
        ([("blocks", PASSED), ("metric", PASSED), ("metric", INCONCLUSIVE)], Verdict.INCONCLUSIVE),
        ([("engine", PASSED), ("blocks", PASSED)], Verdict.INCONCLUSIVE),
        ([("metric", PASSED), ("agreement", SHOWN)], Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
    ],
    ids=[
        *("all", "no-engine", "engine", "block", "block-and-few-images", "metric"),
        *("one-metric-cannot-tell", "no-metric", "no-blocks", "nothing"),
    ],
)
def test_verdict(findings, verdict):
    findings = [finding(*words) for words in findings]
    assert verdict_of(findings) is verdict
    told = verification_report(findings)
    assert told["verdict"] == verdict.value
    assert told["verified"] is (verdict is Verdict.VERIFIED)
    assert verdict_of_report(told) is verdict


@pytest.mark.parametrize(
    ("told", "verdict"),
    [({"verified": True}, Verdict.VERIFIED), ({"verified": False}, Verdict.FAILED)],
    ids=["verified", "failed"],
)
def test_reports_of_earlier_versions(told, verdict):
    assert verdict_of_report(told) is verdict


@pytest.mark.parametrize("told", [{}, {"verdict": "fine"}, {"verdict": None}])
def test_what_is_no_report(told):
    with pytest.raises((KeyError, ValueError)):
        verdict_of_report(told)


def test_a_report_without_the_engine_says_so():
    rest = [finding("blocks", PASSED), finding("metric", PASSED)]
    assert verification_report([skipped_engine("not here"), *rest])["engine"] is False
    assert verification_report([finding("engine", PASSED), *rest])["engine"] is True


NAN = float("nan")


def score(trained, packed, rounded=None, images=MIN_IMAGES, most=0.1):
    return check_score(
        "val", "bbox/AP", trained=trained, packed=packed, images=images, most=most, rounded=rounded
    )


@pytest.mark.parametrize(
    ("trained", "rounded", "packed", "verdict"),
    [
        (50.0, None, 50.1, PASSED),
        (50.0, None, 49.8, FAILED),
        (50.0, 49.75, 49.8, PASSED),  # what rounding the stem changed, not the packed network
        (50.0, 49.95, 49.8, INCONCLUSIVE),  # signs that the order of sums may turn
        (50.0, 49.4, 49.4, INCONCLUSIVE),  # rounding explains it, but changed much
        (50.0, 49.95, 49.4, FAILED),
        (50.0, None, NAN, FAILED),  # nothing is detected any more
        (NAN, None, 50.0, FAILED),
        (50.0, NAN, 50.0, FAILED),
        (50.0, None, 0.0, FAILED),
    ],
)
def test_scores_may_differ_little(trained, rounded, packed, verdict):
    finding = score(trained, packed, rounded)
    assert finding.verdict == verdict
    assert ("rounded" in finding.found) == (rounded is not None)


@pytest.mark.parametrize("packed", [50.0, 30.0], ids=["equal", "apart"])
@pytest.mark.parametrize(
    ("images", "cannot"), [(20, True), (MIN_IMAGES - 1, True), (MIN_IMAGES, False)]
)
def test_few_images_cannot_shows(images, cannot, packed):
    finding = score(50.0, packed, images=images)
    assert (finding.verdict == INCONCLUSIVE) == cannot
    assert ("fewer than 100 images" in finding.found) == cannot


@pytest.mark.parametrize("trained", [0.0, 0.9, NAN])
@pytest.mark.parametrize("packed", [0.0, 0.9, NAN])
def test_scores_near_zero_cannot_shows(trained, packed):
    finding = score(trained, packed)
    assert finding.verdict == INCONCLUSIVE
    assert "scores below 1" in finding.found


@pytest.mark.parametrize(("most", "verdict"), [(1.0, PASSED), (0.9, FAILED)])
def test_scores_may_differ_by_one_image(most, verdict):
    assert score(90.0, 89.0, images=100, most=most).verdict == verdict
