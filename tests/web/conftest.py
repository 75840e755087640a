"""Narrow packed models of each task, with random weights, as tools/export_packed.py writes them."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model
from PIL import Image

import groupnet_det.modeling.register  # noqa: F401
from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites import against_float
from groupnet_det.config import load_config
from groupnet_det.exporting.packed.trained import export_trained
from groupnet_det.extras import MissingExtraError
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.web import speed_comparison
from groupnet_det.web.example_images import PHOTOGRAPHS
from groupnet_det.web.handover import Handover
from groupnet_det.web.offered_models import open_models
from groupnet_det.web.uploads import Uploads
from groupnet_det.web.web_page import Page, build_page, launch, load_gradio

CONFIGS = {
    "retinanet": "retinanet_groupnet_photo_digits",
    "mask_rcnn": "mask_rcnn_groupnet_photo_digits",
    "panoptic": "panoptic_fpn_groupnet_photo_digits",
    "semantic": "semseg_groupnet_photo_digits",
    "classifier": "classifier_groupnet_mnist5k",
}
NARROW = ["MODEL.GROUPNET.WIDTH", "0.125", "MODEL.FPN.OUT_CHANNELS", "8"]
NARROW += ["MODEL.SEM_SEG_HEAD.CONVS_DIM", "8", "MODEL.ROI_BOX_HEAD.FC_DIM", "16"]
ONE_ROUND = Schedule(rounds=1, burst_seconds=0, pause_seconds=0)
DIGITS = [str(digit) for digit in range(10)]


def export(root, folder, task):
    """Write ``<folder>/<task>/model.gnp``."""
    (folder / task).mkdir()
    weights = folder / task / "model.pth"
    options = [*NARROW, "MODEL.DEVICE", "cpu", "MODEL.WEIGHTS", str(weights)]
    cfg = load_config(str(root / f"configs/quick/{CONFIGS[task]}.yaml"), options)
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    torch.save({"model": model.state_dict()}, weights)
    names = ["background", *DIGITS] if task == "semantic" else DIGITS
    metadata = {"stuff_classes": ["things", "background"]}
    packed = export_trained(cfg, model, {"class_names": names, "metadata": metadata})
    write_packed(folder / task / "model.gnp", packed.program, packed.info, packed.tensors)


@pytest.fixture(scope="session")
def packed_folder(root, tmp_path_factory):
    """A folder with ``<task>/model.gnp``; for reading."""
    folder = tmp_path_factory.mktemp("packed")
    for task in CONFIGS:
        export(root, folder, task)
    return folder


@pytest.fixture(scope="session")
def web_models(packed_folder):
    """The opened models by task."""
    if not is_built():
        pytest.skip("the compiled engine is not built")
    files = [packed_folder / task / "model.gnp" for task in CONFIGS]
    models, _ = open_models(files, [], root=packed_folder)
    return dict(zip(CONFIGS, models, strict=True))


@pytest.fixture
def photo(tmp_path):
    """A picture of 120 x 90 pixels of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


asked_hosts: list[object] = []


def note_hosts(event, arguments):
    """Which hosts this process, that is the server, asks for."""
    if event == "socket.getaddrinfo":
        asked_hosts.append(arguments[0])
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        asked_hosts.append(arguments[1][0])


@pytest.fixture(scope="session")
def served(web_models, tmp_path_factory):
    """A page with all models and one example: ``address``, ``folder`` of uploads, ``blocks``.

    Times, which are not looked at here, are taken in a thread of its own: the main thread tests.
    """
    folder = tmp_path_factory.mktemp("served").resolve()
    Image.new("RGB", (70, 50), "navy").save(folder / "example.png")
    uploads, handover = Uploads(folder / "uploads"), Handover()
    sys.addaudithook(note_hosts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "")  # what is set is taken back at the end
        patch.setattr(speed_comparison, "SCHEDULE", ONE_ROUND)
        patch.setattr(against_float, "_in_main_thread", lambda: True)
        try:
            gradio = load_gradio(uploads.folder)
        except MissingExtraError as error:
            pytest.skip(str(error))
        threading.Thread(target=handover.serve, daemon=True).start()
        page = Page(list(web_models.values()), uploads, handover)
        blocks = build_page(gradio, page, {PHOTOGRAPHS: [folder / "example.png"]})
        address = launch(gradio, blocks, uploads)
        yield SimpleNamespace(address=address, folder=uploads.folder, blocks=blocks)
        blocks.close(verbose=False)
