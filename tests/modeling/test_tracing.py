"""Networks in the files of torch: saved, loaded, and as in eager mode."""

import io

import pytest
import torch
from detectron2.export import TracingAdapter
from detectron2.modeling import GeneralizedRCNN, build_model
from torch import nn

from groupnet_det.config import load_config
from groupnet_det.layers import Quantization
from tests.exporting.models import make_model, settle_model

SEGMENTERS = ("fcn16s", "deeplabv3")
DETECTORS = ("retinanet", "fcos", "faster_rcnn", "mask_rcnn")
SLOW = (*DETECTORS, "fcn16s")
MODELS = [
    pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW))
    for kind in ("classifier", *DETECTORS, *SEGMENTERS)
]
METHODS = ("bnn", "xnor_net", "abc_net", "dorefa", "lq_net", "lsq")
CLASSIFIER = [
    *("MODEL.DEVICE", "cpu", "MODEL.META_ARCHITECTURE", "ImageClassifier"),
    *("MODEL.BACKBONE.NAME", "build_groupnet_resnet_backbone", "MODEL.BACKBONE.FREEZE_AT", "0"),
    *(
        "MODEL.GROUPNET.WIDTH",
        "0.125",
        "MODEL.GROUPNET.NUM_BASES",
        "2",
        "MODEL.CLASSIFIER.NUM_CLASSES",
        "5",
    ),
]

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def make_classifier(*options):
    model = build_model(load_config("", [*CLASSIFIER, *options]))
    settle_model(model, [{"image": image, "label": 1} for image in random_images(2)])
    return model.eval()


def make(root, kind):
    torch.manual_seed(0)
    return make_classifier() if kind == "classifier" else make_model(root, kind).eval()


def random_images(count):
    return [torch.randint(0, 255, (3, 64, 96)).float() for _ in range(count)]


def infer(model, inputs):
    """An R-CNN without its postprocessing, which is not traced in Detectron2 either."""
    if isinstance(model, GeneralizedRCNN):
        return [{"instances": found} for found in model.inference(inputs, do_postprocess=False)]
    return model(inputs)


def through_file(module, save, load):
    file = io.BytesIO()
    save(module, file)
    file.seek(0)
    return load(file)


def traced(module, image):
    record = torch.jit.trace(module, (image,), check_trace=False)  # the tests check more
    loaded = through_file(record, torch.jit.save, torch.jit.load)

    def run(x):
        with torch.jit.optimized_execution(False):  # which takes longer than it saves here
            return loaded(x)

    return run


def exported(module, image):
    program = torch.export.export(module, (image,), strict=False)
    return through_file(program, torch.export.save, torch.export.load).module()


def assert_same(ours, eager):
    torch.testing.assert_close(tuple(ours), tuple(eager), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_a_traced_model_is_saved_and_loaded(root, kind):
    model = make(root, kind)
    first, second = random_images(2)
    adapter = TracingAdapter(model, [{"image": first}], infer)
    loaded = traced(adapter, first)
    for image in (first, second):
        assert_same(loaded(image), adapter(image))


class Network(nn.Module):
    """What has weights in a model. ``torch.export`` does not record how boxes are chosen, as
    their number depends on values."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        model = self.model
        features = model.backbone(images)
        if isinstance(model, GeneralizedRCNN):
            return self.regions(features)
        if hasattr(model, "sem_seg_head"):
            return model.sem_seg_head(features)[:1]
        if hasattr(model, "head_in_features"):
            outputs = model.head([features[name] for name in model.head_in_features])
            return tuple(x for maps in outputs for x in maps)
        return (model.classify(features),)

    def regions(self, features):
        rpn, heads = self.model.proposal_generator, self.model.roi_heads
        proposals = rpn.rpn_head([features[name] for name in rpn.in_features])
        pooled = features["p3"][:, :, :7, :7]
        outputs = [x for maps in proposals for x in maps]
        outputs += heads.box_predictor(heads.box_head(pooled))
        if heads.mask_on:
            outputs.append(heads.mask_head.layers(pooled))
        return tuple(outputs)


@pytest.mark.parametrize("kind", MODELS)
def test_torch_export_keeps_the_network(root, kind):
    network = Network(make(root, kind))
    first, second = torch.randn(2, 1, 3, 64, 96)
    loaded = exported(network, first)
    with torch.no_grad():
        for image in (first, second):
            assert_same(loaded(image), network(image))


@pytest.mark.parametrize("record", [traced, exported])
@pytest.mark.parametrize("method", METHODS)
def test_other_quantizers_are_recorded_too(record, method):
    torch.manual_seed(0)
    network = Network(make_classifier("MODEL.GROUPNET.METHOD", method))
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        assert_same(record(network, image)(image), network(image))


@pytest.mark.parametrize("record", [traced, exported])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("scale", ["layer", "channel", "none"])
@pytest.mark.parametrize("activation", ["sign", "zero_one", "rsign"])
def test_a_recorded_convolution_gives_the_same_bits(record, activation, scale, kernel_size, stride):
    torch.manual_seed(0)
    conv = Quantization(activation=activation, weight_scale=scale).make_conv(
        5, 8, kernel_size, stride=stride, padding=kernel_size // 2, num_groups=4
    )
    x = torch.randn(2, 5, 9, 12)
    with torch.no_grad():
        assert torch.equal(record(conv.eval(), x)(x), conv(x))
