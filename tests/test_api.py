"""docs/tutorials/quick-start.md does what it says."""

import inspect
import re
import subprocess
import sys

import pytest
import torch

import groupnet_det
from groupnet_det import export, predict, train
from groupnet_det.checkpoint.checkpointer import read_checkpoint
from groupnet_det.checkpoint.folder import write_folder
from groupnet_det.engine.records.output_names import PACKED
from groupnet_det.errors import CheckpointError, ConfigError, DataError
from groupnet_det.runtime.backends.extension import is_built
from groupnet_det.runtime.predictor import PackedPredictor
from tests.docs.markdown import blocks
from tests.inference.models import write_checkpoint

CONFIG = "quick/classifier_groupnet_mnist5k"
TINY = {"MODEL.GROUPNET.WIDTH": 0.125, "SOLVER.MAX_ITER": 3, "SOLVER.IMS_PER_BATCH": 8}


@pytest.fixture
def page(root):
    """The Python blocks of the document."""
    return blocks((root / "docs/tutorials/quick-start.md").read_text(), "python")


@pytest.fixture
def lines(page):
    return page[0]


def run(code, folder):
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_it_has_ten_lines_at_most(lines):
    assert len([line for line in lines.splitlines() if line.strip()]) <= 10


@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_its_lines_run_on_a_tiny_network(lines, datasets_env, tmp_path):
    short = re.sub(r"\{.*?\}", str(TINY), lines, count=1)
    image = next((datasets_env / "mnist5k/val/7").iterdir())
    short, number = re.subn(r'"datasets/.*?"', repr(str(image)), short)
    assert short.count("WIDTH") == number == 1
    done = run(short, tmp_path)
    assert done.returncode == 0, done.stderr
    first, last = [x for x in done.stdout.splitlines() if "images right" in x or "[('" in x]
    assert re.fullmatch(r"[\d.]+ % of 1,000 images right", first)
    assert re.match(r"\d \[\('\d', 0\.\d+\)", last)
    assert (tmp_path / "digits/model_final.pth").is_file()
    assert (tmp_path / "digits.gnp").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not is_built(), reason="the compiled engine is not built")
def test_its_lines_run_as_they_stand(lines, tmp_path, monkeypatch):
    monkeypatch.delenv("DETECTRON2_DATASETS", raising=False)
    done = run(lines, tmp_path)
    assert done.returncode == 0, done.stderr
    (score,) = re.findall(r"([\d.]+) % of 1,000 images right", done.stdout)
    assert float(score) > 90
    assert re.search(r"^7 \[\('7', 0\.", done.stdout, re.MULTILINE)


def test_its_lines_for_own_data_call_what_there_is(page):
    """`tests/autotrain` trains on tiny folders; here, whether the page names arguments right."""
    calls = []

    def recorded(function):
        def call(*arguments, **options):
            calls.append(inspect.signature(function).bind(*arguments, **options).arguments)

        return call

    exec(page[2], {"train": recorded(train), "predict": recorded(predict)})
    (training, prediction) = calls
    assert training == {"data": "my_pictures", "task": "detect", "minutes": 20}
    assert prediction["model"] == f"output/{training['data']}/{PACKED}"


@pytest.fixture(scope="module")
def trained(tiny_datasets, tmp_path_factory):
    """A training of three steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DETECTRON2_DATASETS", str(tiny_datasets))
        return train(CONFIG, TINY, output=tmp_path_factory.mktemp("trained"), use_gpu=False)


def test_train_returns_the_checkpoint_and_its_scores(trained):
    stored = read_checkpoint(trained.checkpoint)
    assert stored["iteration"] == 2
    assert stored["class_names"] == list("0123456789")
    assert 0 <= trained.scores["classification/top1"] <= 100
    assert not any("loss" in name or name in ("lr", "time") for name in trained.scores)


def test_a_training_goes_on(trained, datasets_env, tmp_path):
    train(CONFIG, TINY, output=tmp_path, use_gpu=False)
    more = {**TINY, "SOLVER.MAX_ITER": 5, "DATASETS.TEST": []}
    longer = train(CONFIG, more, output=tmp_path, resume=True, use_gpu=False)
    assert read_checkpoint(longer.checkpoint)["iteration"] == 4
    assert longer.scores == {}


def test_checkpoint_folder_and_packed_file_predict_alike(trained, datasets_env, tmp_path):
    images = [min(folder.iterdir()) for folder in sorted((datasets_env / "mnist5k/val").iterdir())]
    write_folder(tmp_path / "folder", read_checkpoint(trained.checkpoint))
    expected = [predict(trained.checkpoint, image) for image in images]
    assert torch.equal(predict(tmp_path / "folder", images[0]).logits, expected[0].logits)
    files = [
        export(model, tmp_path / "new" / f"{number}.gnp")
        for number, model in enumerate([trained.checkpoint, tmp_path / "folder"])
    ]
    programs = [PackedPredictor(path, backend="reference") for path in files]
    results = [[program(image) for image in images] for program in programs]
    assert results[0][0].class_names == expected[0].class_names == tuple("0123456789")
    first, second, trained_logits = (
        torch.stack([result.logits for result in side]) for side in (*results, expected)
    )
    assert torch.equal(first, second)
    # Rounding in the stem turns a sign now and then, which a network of three steps feels.
    assert torch.corrcoef(torch.stack([first.flatten(), trained_logits.flatten()]))[0, 1] > 0.9
    sources = [program.info["source"] for program in programs]
    assert len({source["checkpoint_sha256"] for source in sources}) == 2
    assert sources[1]["checkpoint"] == "folder"


def test_objects_below_the_threshold_are_left_out(tmp_path):
    path = write_checkpoint(tmp_path, "mask_rcnn")
    pixels = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    every, few = (predict(path, pixels, score_threshold=value) for value in (0.0, 0.4))
    assert len(few) == int((every.scores >= 0.4).sum())
    assert len(every) > 0


def test_mistakes_are_reported(tmp_path, datasets_env):
    with pytest.raises(ConfigError, match=r"unknown config key SOLVER\.MAX_ITR; near: SOLVER\.MAX"):
        train(CONFIG, {"SOLVER.MAX_ITR": 3}, output=tmp_path)
    with pytest.raises(ConfigError, match="near: quick/classifier_groupnet_mnist5k"):
        train("quick/classifier_groupnet_mnist")
    with pytest.raises(ConfigError, match=r"nothing\.pth does not exist"):
        predict("nothing.pth", "image.png")
    with pytest.raises(CheckpointError, match=r"nothing\.pth does not exist"):
        export("nothing.pth", tmp_path / "a.gnp")
    torch.save({"model": {}}, tmp_path / "bare.pth")
    with pytest.raises(ConfigError, match=r"bare\.pth carries no config; give"):
        export(tmp_path / "bare.pth", tmp_path / "a.gnp")


def test_type_checkers_see_all_public_names(root):
    source = (root / "groupnet_det/__init__.py").read_text()
    seen = re.findall(r"^    from (?:\.|groupnet_det\.)\S+ import (.+)$", source, re.MULTILINE)
    names = {name for line in seen for name in line.split(", ")}
    assert names == set(groupnet_det.__all__) - {"__version__"} == set(groupnet_det._PUBLIC)


@pytest.mark.parametrize(
    "arguments", [{}, {"config": CONFIG, "data": "pets"}], ids=["none", "both"]
)
def test_either_a_config_or_data(arguments):
    with pytest.raises(ConfigError, match="needs either a config or data; give one of the two"):
        train(**arguments)


def test_data_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="pets does not exist"):
        train(data="pets", minutes=1)
