from pathlib import Path

import pytest

from groupnet_det.engine.commands import Stage, run, training_commands
from groupnet_det.errors import UserError


def test_each_stage_starts_from_the_one_before():
    stages = [
        Stage(config="a.yaml", output=Path("out/a"), options=["SEED", "1"]),
        Stage(config="b.yaml", output=Path("out/b")),
    ]
    weights = ["MODEL.WEIGHTS", "out/a/model_final.pth"]
    train = ["tools/train_net.py", "--config-file"]
    assert list(training_commands(stages)) == [
        [*train, "a.yaml", "--resume", "SEED", "1", "OUTPUT_DIR", "out/a"],
        [*train, "b.yaml", "--resume", *weights, "OUTPUT_DIR", "out/b"],
    ]


def test_a_command_runs_in_the_checkout_and_is_shown(tmp_path, capfd):
    (tmp_path / "tool.py").write_text("import sys; open('done', 'w').write(sys.argv[1])")
    run(["tool.py", "two words"], root=tmp_path)
    assert (tmp_path / "done").read_text() == "two words"
    assert capfd.readouterr().out == "\n$ python tool.py 'two words'\n"


def test_a_failed_command_is_an_error_in_one_line(tmp_path):
    (tmp_path / "tool.py").write_text("raise SystemExit(3)")
    with pytest.raises(UserError, match=r"'tool\.py' failed with exit code 3, see above"):
        run(["tool.py"], root=tmp_path)
