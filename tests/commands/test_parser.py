"""Config keys and flags on one command line, in any order."""

import itertools

import pytest

from groupnet_det.commands.parser import PACKED_KIND, CommandParser, parse_score_threshold
from groupnet_det.errors import ConfigError


@pytest.fixture
def parser():
    """Of a command with a config, and flags of each kind."""
    parser = CommandParser("Do something.\n\n  %(prog)s \\\n      --report 100 %")
    parser.add_config()
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--count", type=int, default=0)
    return parser


PIECES = (["--report"], ["--count", "-3"], ["A.B", "1", "C.D", "-1e-3"])


@pytest.mark.parametrize("order", itertools.permutations(range(3)), ids=str)
@pytest.mark.parametrize("config", [["--config-file", "my.yaml"], ["my.yaml"]], ids=len)
def test_flags_may_stand_anywhere(parser, config, order):
    found = parser.parse_args([*config, *(word for at in order for word in PIECES[at])])
    assert found.config_file == "my.yaml"
    assert (found.report, found.count) == (True, -3)
    assert found.opts == ["A.B", "1", "C.D", "-1e-3"]


def test_a_config_of_the_project_may_be_the_first_word(parser):
    found = parser.parse_args(["quick/network", "A.B", "1"])
    assert (found.config_file, found.opts) == ("quick/network", ["A.B", "1"])


def test_keys_on_both_sides_of_a_flag(parser):
    found = parser.parse_args(["my.yml", "A.B", "x", "--report", "C.D", "['a', 'b']", "E", ""])
    assert found.opts == ["A.B", "x", "C.D", "['a', 'b']", "E", ""]


@pytest.mark.parametrize("value", ["-1", "-0.5", "-.5", "-1.", "-1e-3", "-2.5E+7", "-inf", "1e-3"])
def test_numbers_are_values(parser, value):
    assert parser.parse_args(["my.yaml", "KEY", value, "--report"]).opts == ["KEY", value]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["A.B", "1"], "the config file is missing: --config-file FILE, or FILE as the first word"),
        (["my.yaml", "--config-file", "b.yaml"], "two configs: --config-file b.yaml and my"),
        (["my.yaml", "b.yaml"], "two configs: my.yaml and b.yaml"),
        (["a.pth"], "a.pth: this command takes no checkpoint, but a config"),
        (["my.yaml", "A.B", "1", "C.D"], "come in pairs; C.D has no value"),
        (["my.yaml", "A.B", "--report"], "come in pairs; A.B has no value"),
        (["my.yaml", "A.B", "1", "--rapport"], "unrecognized arguments: --rapport"),
    ],
    ids=["none", "two", "two words", "checkpoint", "last value", "flag as value", "unknown"],
)
def test_mistakes_are_named(parser, words, message, capsys):
    with pytest.raises(SystemExit) as end:
        parser.parse_args(words)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def packing():
    """The parser of a command that takes a network and a packed file."""
    parser = CommandParser("")
    parser.add_network()
    parser.add_file(PACKED_KIND, "--output", help_="to write")
    return parser


WEIGHTS = ["MODEL.WEIGHTS", "a/b.pth"]


@pytest.mark.parametrize(
    ("words", "config"),
    [
        (["a/b.pth", "c.gnp"], ""),
        (["c.gnp", "a/b.pth"], ""),
        (["my.yaml", "a/b.pth", "c.gnp"], "my.yaml"),
        (["quick/network", "a/b.pth", "--output", "c.gnp"], "quick/network"),
        (["--output", "c.gnp", *WEIGHTS], ""),
        (["--config-file", "my.yaml", "--output", "c.gnp", *WEIGHTS], "my.yaml"),
    ],
    ids=["words", "turned", "config", "config of the project", "flags", "all flags"],
)
def test_files_are_reported_by_their_endings(packing, words, config):
    found = packing.parse_args(words)
    assert (found.config_file, found.output, found.opts) == (config, "c.gnp", WEIGHTS)


def test_a_folder_is_a_checkpoint(packing, tmp_path):
    found = packing.parse_args([str(tmp_path), "c.gnp", "A.B", "1"])
    assert found.opts == ["A.B", "1", "MODEL.WEIGHTS", str(tmp_path)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["c.gnp"], "the config file is missing: a checkpoint, or --config-file FILE, or FILE as"),
        (["a.pth"], "the packed file is missing: --output FILE, or FILE.gnp"),
        (["a.pth", "b.pth", "c.gnp"], "two checkpoints: a.pth and b.pth"),
        (["a.pth", "c.gnp", *WEIGHTS], "two checkpoints: MODEL.WEIGHTS a/b.pth and a.pth"),
        (["a.pth", "c.gnp", "--output", "d.gnp"], "two packed files: --output d.gnp and c.gnp"),
        (["a.pth", "c.onnx"], "c.onnx: this command takes no ONNX file, but a config and a check"),
    ],
    ids=["no network", "no file", "two words", "word and key", "two files", "another kind"],
)
def test_mistakes_with_files_are_named(packing, words, message, capsys):
    with pytest.raises(SystemExit) as end:
        packing.parse_args(words)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_help_shows_defaults(capsys):
    parser = CommandParser("")
    parser.add_argument("--count", type=int, default=0, help="of things")
    parser.add_argument("--bases", type=int, nargs="+", default=[1, 4], help="K")
    parser.add_argument("--threads", type=int, help="(default: those of PyTorch)")
    parser.add_argument("--fast", action="store_true", help="less")
    parser.print_help()
    help_ = " ".join(capsys.readouterr().out.split())
    for line in (
        "of things (default: 0)",
        "K (default: 1 4)",
        "(default: those of PyTorch) --fast",
    ):
        assert line in help_
    assert help_.endswith("less")


def test_keys_of_a_flag_end_where_the_next_flag_begins():
    parser = CommandParser("")
    parser.add_argument("--opts", nargs="*", default=[])
    parser.add_argument("--output")
    found = parser.parse_args(["--opts", "A", "-1e-3", "--output", "x"])
    assert (found.opts, found.output) == (["A", "-1e-3"], "x")


@pytest.mark.parametrize(
    ("typed", "program"),
    [("groupnet-det train", "groupnet-det train"), ("tools/x.py", "python tools/x.py")],
)
def test_help_shows_what_was_typed_and_keeps_its_lines(monkeypatch, capsys, typed, program):
    monkeypatch.setattr("sys.argv", [typed])
    parser = CommandParser("Do something.\n\n  %(prog)s \\\n      --report 100 %\n\nMore.")
    parser.print_help()
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {program} [-h]")
    assert f"Do something.\n\n  {program} \\\n      --report 100 %\n\nMore.\n" in text


def test_score_thresholds():
    assert parse_score_threshold(["0.4"]) == 0.4
    words = ["cat=0.6", "traffic light=1", "a=b=.5"]
    assert parse_score_threshold(words) == {"cat": 0.6, "traffic light": 1.0, "a=b": 0.5}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.pth"], "'model.pth' is not a score threshold; valid: one number, such as 0.4, or"),
        (["0.4", "0.5"], "'0.4' is not a score threshold"),
        (["cat=0.4", "0.5"], "'0.5' is not a score threshold"),
        (["=0.4"], "'=0.4' is not a score threshold"),
        (["cat="], "'cat=' is not a score threshold"),
        (["cat=0.4", "cat=0.5"], "two score thresholds of the class 'cat'"),
    ],
)
def test_words_that_are_not_score_thresholds(words, message):
    with pytest.raises(ConfigError, match=message) as error:
        parse_score_threshold(words)
    assert "\n" not in str(error.value)
