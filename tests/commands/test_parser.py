"""Config keys and flags on one command line, in any order."""

import itertools

import pytest

from groupnet_det.commands.parser import CommandParser


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
        (["my.yaml", "--config-file", "b.yaml"], "two config files: --config-file b.yaml and my"),
        (["my.yaml", "A.B", "1", "C.D"], "come in pairs; C.D has no value"),
        (["my.yaml", "A.B", "--report"], "come in pairs; A.B has no value"),
        (["my.yaml", "A.B", "1", "--rapport"], "unrecognized arguments: --rapport"),
    ],
    ids=["no config", "two configs", "last value", "flag as value", "unknown flag"],
)
def test_mistakes_are_named(parser, words, message, capsys):
    with pytest.raises(SystemExit) as end:
        parser.parse_args(words)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


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
