"""The page, the report and ``benchmark packed`` tell one ratio; slow, as it times and so needs a
quiet machine. What every run holds: all use `against_float`, which refuses other threads."""

import json
import re
import threading
from types import SimpleNamespace

import pytest
import torch
from detectron2.modeling import build_model
from PIL import Image

from groupnet_det.benchmark.measure.timing import Schedule
from groupnet_det.benchmark.suites.trained_model import first_batch, time_trained
from groupnet_det.config import load_config
from groupnet_det.data.datasets.registration import register_datasets
from groupnet_det.engine.records import output_names
from groupnet_det.exporting.packed.trained import export_trained
from groupnet_det.packed.packed_file import write_packed
from groupnet_det.report.sections.deployment_section import deployment
from groupnet_det.report.training_run import Run
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.web.handover import Handover
from groupnet_det.web.offered_models import CLASS, open_models
from groupnet_det.web.uploads import Uploads
from groupnet_det.web.web_page import Page
from tests.exporting.networks import settle

pytestmark = pytest.mark.alone

CONFIG = "configs/quick/classifier_groupnet_mnist5k.yaml"
SIDE = "224"
AT_MOST = 0.15


@pytest.fixture
def trained(root, tmp_path, datasets_env):
    """Config and folder of a classifier with random weights that sees large images."""
    options = ["INPUT.CLASSIFICATION.TEST_RESIZE", SIDE, "INPUT.CLASSIFICATION.TEST_CROP", SIDE]
    options += ["MODEL.DEVICE", "cpu", "MODEL.WEIGHTS", str(tmp_path / output_names.CHECKPOINT)]
    cfg = load_config(str(root / CONFIG), [*options, "OUTPUT_DIR", str(tmp_path)])
    register_datasets(cfg)
    torch.manual_seed(0)
    model = build_model(cfg)
    settle(model)
    torch.save({"model": model.state_dict()}, tmp_path / output_names.CHECKPOINT)
    packed = export_trained(cfg, model, {"class_names": [str(digit) for digit in range(10)]})
    write_packed(tmp_path / output_names.PACKED, packed.program, packed.info, packed.tensors)
    (tmp_path / output_names.CONFIG).write_text(cfg.dump())
    return SimpleNamespace(cfg=cfg, folder=tmp_path)


def shown_by_the_page(trained):
    """As in ``demo/app.py``: another thread asks, the main thread takes the times."""
    pixels = first_batch(trained.cfg)[0]["image"].permute(1, 2, 0).numpy()
    path = trained.folder / "uploads" / "photo.png"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path)
    models, _ = open_models([trained.folder / output_names.PACKED], [], root=trained.folder)
    handover, told = Handover(), []
    page = Page(models, Uploads(path.parent), handover)

    def ask():
        try:
            *_, asked = page.predict({"path": str(path)}, CLASS, models[0].name, 0.5)
            told.append(page.time(asked))
        finally:
            handover.run(end)

    def end():
        raise KeyboardInterrupt

    thread = threading.Thread(target=contextless(ask))
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        handover.serve()
    thread.join()
    print(re.findall(r"gn-value'>([^<]+)<", told[0]))
    return float(re.search(r"([\d.]+) times as fast", told[0])[1])


def contextless(ask):
    """What a thread runs that is told at its end that the page is being closed."""

    def run():
        with pytest.raises(RuntimeError, match="being closed"):
            ask()

    return run


def shown_by_the_report(trained, figures):
    (trained.folder / output_names.LATENCY).write_text(json.dumps(figures))
    blocks = deployment(Run(trained.folder))
    (bars,) = (block for block in blocks if getattr(block, "title", "") == "Latency")
    (text,) = (bar.text for bar in bars.bars if "baseline" in bar.label)
    return float(re.search(r"\(([\d.]+) ×\)", text)[1])


@pytest.fixture
def threads(request):
    """So many for the main thread, in which the networks run."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
@pytest.mark.parametrize("threads", [1, 2], indirect=True)
def test_page_report_and_benchmark_shows_one_ratio(trained, threads):
    packed = trained.folder / output_names.PACKED
    figures = time_trained(trained.cfg, packed, schedule=Schedule(rounds=9), threads=threads)
    ratios = {
        "benchmark": figures["times_packed"]["float"]["median"],
        "report": shown_by_the_report(trained, figures),
        "page": shown_by_the_page(trained),
    }
    print(ratios, figures["milliseconds"])
    assert max(ratios.values()) <= (1 + AT_MOST) * min(ratios.values()), ratios
