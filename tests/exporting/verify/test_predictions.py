"""Verification finds what is wrong, and nothing else."""

import pytest
import torch

from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.engine import skipped_engine
from groupnet_det.exporting.verify.predictions import (
    FAILED,
    PASSED,
    SKIPPED,
    Answers,
    Finding,
    check_blocks,
    check_metric,
    check_score,
    is_verified,
    report,
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


def answers(number, wrong=(), top1=90.0):
    return Answers(top1=top1, predicted={str(i): int(i in wrong) for i in range(number)})


@pytest.mark.parametrize(
    ("number", "changed_images", "points", "verdict"),
    [
        (1000, 1, 0.1, PASSED),
        (1000, 2, 0.2, FAILED),
        (5000, 50, 0.1, PASSED),
        (100, 1, 1.0, PASSED),
        (100, 2, 2.0, FAILED),
        (100, 2, 0.0, PASSED),
    ],
)
def test_metric(number, changed_images, points, verdict):
    other = answers(number, range(changed_images), 90.0 - points)
    finding = check_metric("mine", answers(number), other)
    assert finding.verdict == verdict
    assert f"{changed_images} images changed" in finding.found


def finding(check, verdict):
    return Finding(check=check, part="x", compared=1, found="", verdict=verdict)


@pytest.mark.parametrize(
    ("findings", "verified"),
    [
        ([("engine", PASSED), ("blocks", PASSED), ("metric", PASSED)], True),
        ([("engine", SKIPPED), ("blocks", PASSED), ("metric", PASSED)], True),
        ([("engine", FAILED), ("blocks", PASSED), ("metric", PASSED)], False),
        ([("engine", PASSED), ("blocks", FAILED), ("blocks", PASSED), ("metric", PASSED)], False),
        ([("engine", PASSED), ("blocks", PASSED)], False),
        ([], False),
    ],
    ids=["all", "no-engine", "engine", "block", "no-metric", "nothing"],
)
def test_verdict(findings, verified):
    findings = [finding(*words) for words in findings]
    assert is_verified(findings) is verified
    assert report(findings)["verified"] is verified


def test_a_report_without_the_engine_says_so():
    rest = [finding("blocks", PASSED), finding("metric", PASSED)]
    assert report([skipped_engine("not here"), *rest])["engine"] is False
    assert report([finding("engine", PASSED), *rest])["engine"] is True


@pytest.mark.parametrize(
    ("trained", "rounded", "packed", "verdict"),
    [
        (50.0, None, 50.1, PASSED),
        (50.0, None, 49.8, FAILED),
        (50.0, 49.75, 49.8, PASSED),  # what rounding the stem turned, not the packed network
        (50.0, 49.95, 49.8, FAILED),
        (50.0, 49.4, 49.4, FAILED),  # rounding turned too much
        (float("nan"), None, 50.0, FAILED),
        (50.0, float("nan"), 50.0, FAILED),
    ],
)
def test_scores_may_differ_little(trained, rounded, packed, verdict):
    finding = check_score(
        "val", "bbox/AP", trained=trained, packed=packed, images=7, most=0.1, rounded=rounded
    )
    assert finding.verdict == verdict
    assert ("rounded" in finding.found) == (rounded is not None)
