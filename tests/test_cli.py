"""groupnet-det: each name leads to a tool that is there, and to its help."""

import argparse
import importlib
import inspect
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from groupnet_det import __version__
from groupnet_det.cli import COMMANDS, GROUPS, main

# Scripts that run before the package can be imported, or need a checkout.
OF_CHECKOUTS = {
    "build_groupnet_run",
    "count_instructions",
    "install_detectron2",
    "setup_environment",
    "test_engine",
}
# What the project promises to have.
PROMISED = {"train", "eval", "export", "verify", "benchmark runtime", "analyze", "report", "demo"}


def run(*words, cwd=None, options=()):
    command = [sys.executable, "-W", "ignore", *options, "-m", "groupnet_det", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_the_promised_commands_are_there():
    assert set(COMMANDS) >= PROMISED


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_a_function_of_its_words(name):
    main = importlib.import_module(COMMANDS[name].module).main
    assert list(inspect.signature(main).parameters) == ["argv"]
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0


@pytest.mark.parametrize("folder", ["tools", "demo", "datasets"])
def test_scripts_only_call_what_is_in_the_package(root, folder):
    """So that nothing is imported from `tools`, as which Detectron2 installs a package."""
    called = set()
    for path in (root / folder).glob("*.py"):
        if path.stem in OF_CHECKOUTS:
            continue
        text = path.read_text()
        (module,) = re.findall(r"^from (groupnet_det\.[\w.]+) import main$", text, re.M)
        words = "" if module != "groupnet_det.cli" else f'["{path.stem}", *sys.argv[1:]]'
        assert words or module.rpartition(".")[2] in (path.stem, f"{path.stem}_demo")
        assert text.endswith(f'if __name__ == "__main__":\n    sys.exit(main({words}))\n'), path
        called.add(module)
    assert called


HEAVY = ("torch", "detectron2", "numpy", "matplotlib", "cv2", "PIL", "pycocotools", "yaml")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_imports_nothing_heavy(name, tmp_path):
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY!r}))\n"  # to import one of these is an error
        "from groupnet_det.cli import main\n"
        "sys.argv = ['groupnet-det']\n"
        f"main({[*name.split(), '--help']!r})\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: groupnet-det {name} [-h]")


def test_help_shows_what_was_typed(tmp_path):
    done = run("export", "x.yaml", "--help", cwd=tmp_path)
    assert done.stdout.startswith("usage: python -m groupnet_det export [-h]")
    assert "\n  python -m groupnet_det export output/" in done.stdout
    done = run("compare", "x.yaml", "--help", cwd=tmp_path)
    assert ".yaml \\\n      --methods-file bccd" in done.stdout


def test_a_config_is_the_first_word(tmp_path):
    done = run("train", "absent.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: config file absent.yaml does not exist" in done.stderr


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)], ids=["none", "long", "short"])
def test_help_lists_the_commands_and_imports_no_torch(words):
    done = run(*words, options=("-X", "importtime"))
    assert done.returncode == 0, done.stderr
    for name, command in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert command.does in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "groupnet_det.cli" in imported
    assert imported.isdisjoint({"torch", "numpy", "detectron2", "yaml"})


def test_messages_name_commands_that_are_there(root):
    named = set()
    for path in (root / "groupnet_det").rglob("*.py"):
        text = path.read_text()
        named |= set(re.findall(r"groupnet-det ([a-z][a-z0-9-]+)", text))
        if "commands" not in path.parts:
            assert not re.search(r"python (tools|datasets|demo)/", text), path
    assert named <= {name.split()[0] for name in COMMANDS}
    assert {"verify", "convert", "prepare-mnist5k"} <= named
    source = (root / "groupnet_det/report/training_run.py").read_text()
    asked = re.findall(r'_command\("([a-z -]+)"', source)
    assert asked
    assert set(asked) <= set(COMMANDS)


def test_version():
    assert run("--version").stdout == f"groupnet_det {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [("trian", "train"), ("evaluate", "eval"), ("exportonnx", "export-onnx"), ("Train", "train")],
)
def test_an_unknown_command_names_the_nearest(typed, nearest, capsys):
    assert main([typed]) == 2
    error = capsys.readouterr().err
    assert error == f"error: there is no command {typed!r}; the nearest is {nearest!r}\n"


@pytest.mark.parametrize("words", [["benchmark"], ["benchmark", "network"]], ids=["none", "wrong"])
def test_a_command_of_two_words_lists_the_second(words, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error == (
        "error: 'benchmark' has several commands; name one: benchmark packed, benchmark runtime, "
        "benchmark train, benchmark classifier\n"
    )


def test_groups_are_those_of_the_commands():
    assert set(GROUPS) == {name.split()[0] for name in COMMANDS if " " in name}


@pytest.fixture
def shtab(monkeypatch):
    """A stand-in that keeps the parser that it is given."""
    given = {}
    stand_in = SimpleNamespace(FILE={"bash": "files"}, complete=lambda parser, shell: given.update(
        parser=parser, shell=shell
    ) or f"a script for {shell}")  # fmt: skip
    monkeypatch.setitem(sys.modules, "shtab", stand_in)
    return given


def all_actions(parser):
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from all_actions(below)


def test_completion_knows_all_commands_and_flags(shtab, capsys):
    assert main(["completion", "zsh"]) == 0
    assert (capsys.readouterr().out, shtab["shell"]) == ("a script for zsh\n", "zsh")
    for name in COMMANDS:
        with pytest.raises(SystemExit) as end:
            shtab["parser"].parse_args([*name.split(), "--help"])
        assert end.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: groupnet-det {name} [-h]")
    assert sum("complete" in vars(action) for action in all_actions(shtab["parser"])) > 50
    found = shtab["parser"].parse_args(["benchmark", "runtime", "body", "--threads", "3"])
    assert (found.what, found.threads) == (["body"], 3)


@pytest.mark.parametrize("words", [[], ["fish"], ["bash", "zsh"]], ids=len)
def test_completion_of_another_shell_is_a_wrong_command_line(words, capsys):
    assert main(["completion", *words]) == 2
    assert capsys.readouterr().err == "usage: groupnet-det completion {bash,zsh,tcsh}\n"


def test_completion_needs_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit, match=r"^error: shtab .*groupnet-det\[completion\]"):
        main(["completion", "bash"])


def test_help_of_commands_of_two_words(capsys):
    assert main(["benchmark", "--help"]) == 0
    help_ = capsys.readouterr().out
    assert help_.startswith("usage: groupnet-det benchmark COMMAND ...")
    assert re.findall(r"^  (benchmark \w+) ", help_, re.M) == [n for n in COMMANDS if " " in n]


def test_an_unknown_command_without_a_near_one_lists_all_in_one_line():
    done = run("xyzzy")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the command is 'xyzzy'; valid: 'train', 'eval', ")
    assert all(repr(name) in line for name in COMMANDS)


def test_words_and_exit_codes_are_those_of_the_tool(tmp_path):
    done = run("convert", "absent.pth", "--output", "a.pth", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: absent.pth does not exist\n"
    done = run("install-detectron2", "--nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m groupnet_det install-detectron2 [-h]")


def test_eval_has_no_flags_of_training():
    done = run("eval", "--help")
    assert "--backend" in done.stdout
    assert not {"--data", "--epochs", "--report"} & set(done.stdout.split())


def test_eval_is_training_that_only_evaluates(tmp_path):
    done = run("eval", "--config-file", "quick/classifier_groupnet_mnist5k", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: MODEL.WEIGHTS is empty, so --eval-only would score a random" in done.stderr


@pytest.mark.parametrize(
    ("module", "fix"),
    [("detectron2", "install it with: groupnet-det install-detectron2"), ("cv2", "[opencv]")],
)
def test_what_pip_does_not_bring_is_reported_in_one_line(module, fix, tmp_path):
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from groupnet_det.cli import main\n"
        "main(['demo', '--input', 'a.jpg'])\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {module} is not installed; ")
    assert fix in line


@pytest.mark.slow
def test_two_processes_find_the_tool(datasets_env, tmp_path):
    done = run(
        *("train", "--config-file", "quick/classifier_groupnet_mnist5k", "--num-processes", "2"),
        *("--dist-url", "auto", "MODEL.GROUPNET.WIDTH", "0.125", "SOLVER.MAX_ITER", "2"),
        *("SOLVER.IMS_PER_BATCH", "4", "TEST.EVAL_PERIOD", "0", "OUTPUT_DIR", tmp_path / "out"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/model_final.pth").is_file()
