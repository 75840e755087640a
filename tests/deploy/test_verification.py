"""Verification finds what is wrong, and nothing else."""

import pytest
import torch

from groupnet_det.deploy.classifier import export_classifier
from groupnet_det.deploy.verification import (
    FAILED,
    PASSED,
    SKIPPED,
    Answers,
    Finding,
    check_blocks,
    check_engine,
    check_metric,
    check_score,
    differing,
    is_verified,
    report,
    skipped_engine,
)
from groupnet_det.runtime.extension import is_built
from groupnet_det.runtime.packed_file import PackedFile
from groupnet_det.runtime.reference import trace_reference

from .networks import CLASS_NAMES, make_classifier


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


def test_the_reference_agrees_with_itself(packed, images):
    findings = check_engine(packed, [images], trace_reference)
    assert {finding.verdict for finding in findings} == {PASSED}
    assert [f.part for f in findings][:1] == ["stem"]
    assert [f.part for f in findings][-1] == "output logits"
    assert len(findings) == len(packed.program.steps) + 1


@pytest.mark.skipif(not is_built(), reason="the engine is not built")
def test_the_engine_agrees_with_the_reference(packed, images):
    assert {finding.verdict for finding in check_engine(packed, [images])} == {PASSED}


@pytest.mark.parametrize("entry", [0, 5, -1], ids=["stem", "bits", "logits"])
def test_one_value_of_one_step_is_found(packed, images, entry):
    def wrong(file, pixels):
        steps, buffers, contents = trace_reference(file, pixels)
        contents[entry] = contents[entry].clone()
        value = contents[entry].view(-1)[3]
        value.copy_(1 - value if value.dtype == torch.uint8 else torch.nextafter(value, value + 1))
        return steps, buffers, contents

    step = trace_reference(packed, images)[0][entry]
    name = packed.program.steps[step].name
    bad = [f for f in check_engine(packed, [images], wrong) if f.verdict == FAILED]
    expected = [name, "output logits"] if entry == -1 else [name]
    assert [(f.part, f.found) for f in bad] == [(part, "1 values differ") for part in expected]


def test_a_step_that_writes_nothing_is_found(packed, images):
    def shorter(file, pixels):
        return tuple(part[:-1] for part in trace_reference(file, pixels))

    (finding,) = check_engine(packed, [images], shorter)
    assert (finding.verdict, finding.part) == (FAILED, "all steps")


def test_bits_of_floats_count_but_those_of_nan():
    nan = float("nan")
    assert differing(torch.tensor([0.0, 1.0]), torch.tensor([-0.0, 1.0])) == 1
    assert differing(torch.tensor([nan, 1.0]), torch.tensor([-nan, 1.0])) == 0
    assert differing(torch.zeros(2), torch.zeros(3)) == 3
    assert differing(torch.zeros(2), torch.zeros(2, dtype=torch.uint8)) == 2


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
