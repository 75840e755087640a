"""The zoo: what is trained, what is kept, and what the manifest says of it."""

import json

import pytest
import torch

import groupnet_det
from groupnet_det.commands.development import train_zoo as zoo
from groupnet_det.config import load_config
from groupnet_det.errors import UserError

CLASSIFIER, DETECTOR = "classifier_groupnet_mnist5k", "retinanet_groupnet_photo_digits"


@pytest.fixture
def packings(monkeypatch):
    """Commands of exports and verifications; tests may change what the latter find."""

    class Packings(list):
        verdict = "verified"

    monkeypatch.setattr(zoo, "is_built", lambda: True)
    return Packings()


def option(command, name):
    return command[command.index(name) + 1]


def fake_packing(command, root, packings):
    packings.append(command)
    if command[0] == zoo.EXPORT:
        (root / option(command, "--output")).write_bytes(b"12345")
        return
    finding = {"check": "metric", "part": "mnist5k_val", "found": "same", "verdict": "passed"}
    engine = "--backend" not in command
    report = {"verdict": packings.verdict, "engine": engine, "findings": [finding]}
    (root / option(command, "--json")).write_text(json.dumps(report))
    if packings.verdict != "verified":
        raise UserError("failed with exit code 1")


@pytest.fixture
def trainings(monkeypatch, packings):
    """Instead of training, note the commands and leave the files of a training."""
    commands = []

    def fake_run(command, *, root):
        if command[0] != "train":
            fake_packing(command, root, packings)
            return
        commands.append(command)
        output = root / command[-1]
        output.mkdir(parents=True, exist_ok=True)
        for name in ("model_final.pth", "last_checkpoint"):
            (output / name).touch()
        metrics = ("bbox/AP", "segm/AP", "sem_seg/mIoU")
        rows = [
            {"iteration": n, "classification/top1": 90 + n, **dict.fromkeys(metrics, n)}
            for n in (1, 2)
        ]
        (output / "metrics.json").write_text("\n".join(map(json.dumps, rows)))

    monkeypatch.setattr(zoo, "run", fake_run)
    return commands


def make(output, *names, preset="full", fresh=False):
    zoo.train_zoo(list(names or zoo.MODELS), preset=preset, output=output, fresh=fresh)
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["preset"] == preset
    return {entry["name"]: entry for entry in manifest["models"]}


@pytest.mark.parametrize("name", zoo.MODELS)
def test_models_have_fixed_seeds_and_end_with_an_evaluation(root, name):
    configs = [load_config(str(root / path)) for path in zoo.MODELS[name].configs]
    assert all(cfg.SEED >= 0 for cfg in configs)
    assert configs[-1].DATASETS.TEST
    assert zoo.MODELS[name].metric == configs[-1].SOLVER.BEST_METRIC


def test_manifest_of_two_models(tmp_path, trainings):
    entries = make(tmp_path, CLASSIFIER, DETECTOR)
    assert list(entries) == [CLASSIFIER, DETECTOR]
    entry = entries[CLASSIFIER]
    assert entry["metric"] == {"name": "classification/top1", "value": 92}
    assert entries[DETECTOR]["metric"] == {"name": "bbox/AP", "value": 2}
    assert (tmp_path / entry["checkpoint"]).is_file()
    assert entry["configs"] == [f"configs/quick/{CLASSIFIER}{s}.yaml" for s in ("_tanh", "")]
    assert (entry["groupnet_det"], entry["torch"]) == (groupnet_det.__version__, torch.__version__)
    assert entry["seconds"] >= 0
    assert entry["commands"] == [
        f"python -m groupnet_det train --config-file configs/quick/{CLASSIFIER}_tanh.yaml --resume "
        f"OUTPUT_DIR {tmp_path}/{CLASSIFIER}/stage_1",
        f"python -m groupnet_det train --config-file configs/quick/{CLASSIFIER}.yaml --resume "
        f"MODEL.WEIGHTS {tmp_path}/{CLASSIFIER}/stage_1/model_final.pth "
        f"OUTPUT_DIR {tmp_path}/{CLASSIFIER}/stage_2",
    ]


def test_models_are_packed_and_verified(tmp_path, trainings, packings):
    entries = make(tmp_path)
    assert {entry["packed"]["verdict"] for entry in entries.values()} == {"verified"}
    packed = entries[CLASSIFIER]["packed"]
    assert (packed["engine"], packed["bytes"]) == (True, 5)
    assert (tmp_path / packed["file"]).is_file()
    assert packed["findings"] == ["metric, mnist5k_val: same"]
    assert packed["commands"] == [
        f"python -m groupnet_det export --config-file configs/quick/{CLASSIFIER}.yaml --output "
        f"{tmp_path}/{CLASSIFIER}/model.gnp "
        f"MODEL.WEIGHTS {tmp_path}/{CLASSIFIER}/stage_2/model_final.pth",
        f"python -m groupnet_det verify --config-file configs/quick/{CLASSIFIER}.yaml --packed "
        f"{tmp_path}/{CLASSIFIER}/model.gnp --json {tmp_path}/{CLASSIFIER}/verification.json "
        f"MODEL.WEIGHTS {tmp_path}/{CLASSIFIER}/stage_2/model_final.pth",
    ]
    make(tmp_path)
    assert len(packings) == 2 * len(zoo.MODELS)  # found right once, it is kept


def test_an_older_manifest_gets_its_packed_files(tmp_path, trainings, packings):
    entries = make(tmp_path, CLASSIFIER)
    (tmp_path / entries[CLASSIFIER]["packed"]["file"]).unlink()
    make(tmp_path, CLASSIFIER)
    assert (len(trainings), len(packings)) == (2, 4)


def test_without_the_engine_the_manifest_says_so(
    tmp_path, trainings, packings, monkeypatch, capsys
):
    monkeypatch.setattr(zoo, "is_built", lambda: False)
    packed = make(tmp_path, CLASSIFIER)[CLASSIFIER]["packed"]
    assert (packed["verdict"], packed["engine"]) == ("verified", False)
    assert "--backend reference" in packed["commands"][1]
    assert "yes, without the engine" in capsys.readouterr().out


def test_other_predictions_are_recorded_and_end_in_an_error(tmp_path, trainings, packings):
    packings.verdict = "failed"
    with pytest.raises(
        UserError, match=f"packed files of {CLASSIFIER} do not give the predictions"
    ):
        make(tmp_path, CLASSIFIER)
    (entry,) = json.loads((tmp_path / "manifest.json").read_text())["models"]
    assert entry["packed"]["verdict"] == "failed"


def test_scores_that_cannot_shows_are_recorded_and_kept(tmp_path, trainings, packings, capsys):
    packings.verdict = "inconclusive"
    assert make(tmp_path, CLASSIFIER)[CLASSIFIER]["packed"]["verdict"] == "inconclusive"
    assert "inconclusive" in capsys.readouterr().out
    make(tmp_path, CLASSIFIER)
    assert len(packings) == 2


@pytest.mark.parametrize(("verified", "packed_again"), [(True, 0), (False, 2)])
def test_a_manifest_of_an_earlier_version(tmp_path, trainings, packings, verified, packed_again):
    make(tmp_path, CLASSIFIER)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    packed = manifest["models"][0]["packed"]
    del packed["verdict"]
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {
                **manifest,
                "models": [{**manifest["models"][0], "packed": {**packed, "verified": verified}}],
            }
        )
    )
    make(tmp_path, CLASSIFIER)
    assert len(packings) == 2 + packed_again


def test_a_zoo_in_the_checkout_has_commands_that_run_from_it(root):
    path = zoo.shorten(root / "zoo" / CLASSIFIER)
    assert path.as_posix() == f"zoo/{CLASSIFIER}"


def test_finished_models_are_kept_and_missing_ones_added(tmp_path, trainings):
    first = make(tmp_path, CLASSIFIER)
    assert (list(first), len(trainings)) == ([CLASSIFIER], 2)
    both = make(tmp_path, CLASSIFIER, DETECTOR)
    assert both[CLASSIFIER] == first[CLASSIFIER]
    assert {command[2] for command in trainings[2:]} == set(zoo.MODELS[DETECTOR].configs)


def test_an_interrupted_model_goes_on_and_has_no_time(tmp_path, trainings):
    make(tmp_path, CLASSIFIER)
    (tmp_path / "manifest.json").unlink()
    assert make(tmp_path, CLASSIFIER)[CLASSIFIER]["seconds"] is None
    assert all("--resume" in command for command in trainings[2:])


def test_a_lost_checkpoint_is_trained_again(tmp_path, trainings):
    entries = make(tmp_path, CLASSIFIER)
    (tmp_path / entries[CLASSIFIER]["checkpoint"]).unlink()
    make(tmp_path, CLASSIFIER)
    assert len(trainings) == 4


def test_fresh_trains_the_chosen_models_again(tmp_path, trainings):
    make(tmp_path, CLASSIFIER, DETECTOR)
    stale = tmp_path / CLASSIFIER / "stale"
    stale.touch()
    entries = make(tmp_path, CLASSIFIER, fresh=True)
    assert list(entries) == [CLASSIFIER, DETECTOR]
    assert not stale.exists()
    assert len(trainings) == 6


def test_presets_are_not_mixed(tmp_path, trainings):
    make(tmp_path, CLASSIFIER, preset="quick")
    assert "SOLVER.MAX_ITER" in trainings[0]
    with pytest.raises(UserError, match="made with --preset quick; choose another --output"):
        make(tmp_path, CLASSIFIER)


def test_unknown_models_are_named_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=f"--models is 'resnet'; valid: '{CLASSIFIER}'"):
        make(tmp_path / "zoo", "resnet")
    assert not (tmp_path / "zoo").exists()


def test_a_metric_that_was_never_measured(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text('{"iteration": 1, "bbox/AP": NaN}')
    assert zoo.final_metric(path, "bbox/AP") is None
    with pytest.raises(UserError, match=r"holds no classification/top1; is DATASETS\.TEST set"):
        zoo.final_metric(path, "classification/top1")


@pytest.mark.slow
def test_quick_zoo_end_to_end(root, tmp_path, datasets_env, monkeypatch, capfd):
    options = ["MODEL.GROUPNET.WIDTH", "0.125", "SOLVER.IMS_PER_BATCH", "2"]
    monkeypatch.setitem(zoo.PRESETS, "quick", (*zoo.PRESETS["quick"], *options))
    arguments = ["--preset", "quick", "--output", str(tmp_path)]
    zoo.main([*arguments])
    models = json.loads((tmp_path / "manifest.json").read_text())["models"]
    assert [entry["name"] for entry in models] == list(zoo.MODELS)
    assert 0 <= models[0]["metric"]["value"] <= 100
    assert all((tmp_path / entry["checkpoint"]).is_file() for entry in models)
    capfd.readouterr()
    zoo.main()
    assert "$ python" not in capfd.readouterr().out
