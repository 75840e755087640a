"""One bit in which the engine differs from the reference is found and named."""

import pytest
import torch

from groupnet_det.exporting.packed.models.classifiers import export_classifier
from groupnet_det.exporting.verify.engine import check_engine, differing
from groupnet_det.exporting.verify.predictions import FAILED, PASSED
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.reference.interpreter import trace_reference
from tests.exporting.networks import CLASS_NAMES, make_classifier


@pytest.fixture(scope="module")
def packed():
    torch.manual_seed(0)
    return export_classifier(make_classifier(), class_names=CLASS_NAMES)


@pytest.fixture
def images():
    return torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)


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
