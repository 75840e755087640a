from pathlib import Path

import pytest

from groupnet_det import __version__
from groupnet_det.autotrain import command_runs
from groupnet_det.autotrain.command_runs import TrainingStage, run, training_commands
from groupnet_det.errors import UserError


def test_each_stage_starts_from_the_one_before():
    stages = [
        TrainingStage(config="a.yaml", output=Path("out/a"), options=["SEED", "1"]),
        TrainingStage(config="b.yaml", output=Path("out/b")),
    ]
    weights = ["MODEL.WEIGHTS", "out/a/model_final.pth"]
    train = ["train", "--config-file"]
    assert list(training_commands(stages)) == [
        [*train, "a.yaml", "--resume", "SEED", "1", "OUTPUT_DIR", "out/a"],
        [*train, "b.yaml", "--resume", *weights, "OUTPUT_DIR", "out/b"],
    ]


@pytest.fixture
def program(tmp_path, monkeypatch):
    """``program(code)``: what commands of the project then run, in the folder of the test."""
    monkeypatch.setattr(command_runs, "PROGRAM", ("program.py",))
    return (tmp_path / "program.py").write_text


def test_a_command_runs_in_its_folder_and_is_shown(program, tmp_path, capfd):
    program("import sys; open('done', 'w').write(' '.join(sys.argv[1:]))")
    run(["export", "two words"], root=tmp_path)
    assert (tmp_path / "done").read_text() == "export two words"
    assert capfd.readouterr().out == "\n$ python program.py export 'two words'\n"


def test_a_failed_command_is_an_error_in_one_line(program, tmp_path):
    program("raise SystemExit(3)")
    with pytest.raises(UserError, match="'export' failed with exit code 3, see above"):
        run(["export"], root=tmp_path)


def test_what_is_run_is_the_package(tmp_path, capfd):
    run(["--version"], root=tmp_path)
    shown, printed = capfd.readouterr().out.strip().splitlines()
    assert shown == "$ python -m groupnet_det --version"
    assert printed == f"groupnet_det {__version__}"
