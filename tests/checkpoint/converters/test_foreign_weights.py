"""The converter as a tool: reading, refusing, writing."""

import pickle

import pytest
import torch
import yaml

from groupnet_det.checkpoint.checkpointer import load_tensors
from groupnet_det.commands.training import convert_checkpoint as tool
from tests.checkpoint.authors_network import make_state


class Evil:
    def __reduce__(self):
        return print, ("code has run",)


@pytest.fixture
def convert():
    """Run the tool in this process; its exit status as a shell would see it."""

    def run_tool(*arguments):
        tool.main(list(map(str, arguments)))

    return run_tool


@pytest.fixture
def theirs(tmp_path):
    path = tmp_path / "theirs.pth.tar"
    torch.save({"state_dict": make_state(num_bases=2), "epoch": 3}, path)
    return path


def test_report_and_files(convert, theirs, tmp_path, capsys):
    output = tmp_path / "new/ours.pth"
    convert(theirs, "--output", output)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "recognised: Group-Net classification"
    assert "  MODEL.GROUPNET.NUM_BASES: 2" in lines
    assert f"converted: {len(load_tensors(str(output))['model'])} tensors" in lines
    assert "in the file, but unused: nothing" in lines
    assert lines[-1] == f"written: {output} and {output.with_suffix('.yaml')}"
    options = yaml.safe_load(output.with_suffix(".yaml").read_text())
    assert options["MODEL"]["WEIGHTS"] == str(output)
    assert sorted(path.name for path in output.parent.iterdir()) == ["ours.pth", "ours.yaml"]


def broken_files(whole):
    return {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"not a checkpoint",
        "pickled code": pickle.dumps({"state_dict": Evil()}, protocol=2),
        "another pickle": pickle.dumps([1, 2, 3], protocol=2),
    }


@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "pickled code", "another pickle"])
def test_broken_and_unsafe_files(convert, theirs, tmp_path, kind, capsys):
    theirs.write_bytes(broken_files(theirs.read_bytes())[kind])
    with pytest.raises(SystemExit) as caught:
        convert(theirs, "--output", tmp_path / "ours.pth")
    message = str(caught.value)
    assert message.startswith(f"error: {theirs}")
    assert "\n" not in message
    assert "code has run" not in capsys.readouterr().out
    assert not (tmp_path / "ours.pth").exists()


def test_other_contents(convert, tmp_path):
    path = tmp_path / "theirs.pth"
    for contents, message in (
        (torch.zeros(1), "contains a Tensor"),
        ({"state_dict": 3}, "contains a int instead of a state dict"),
        ({"epoch": 3}, "neither a Group-Net"),
        ({3: torch.zeros(1)}, "neither a Group-Net"),
    ):
        torch.save(contents, path)
        with pytest.raises(SystemExit, match=message):
            convert(path, "--output", tmp_path / "ours.pth")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("theirs.pth.tar", "is the file to convert; name another"),
        ("ours.yaml", "ours.yaml must end in .pth"),
        ("theirs.pth.tar/ours.pth", "theirs.pth.tar"),
    ],
    ids=["itself", "suffix", "no-folder"],
)
def test_bad_outputs_harm_nothing(convert, theirs, output, message):
    before = theirs.read_bytes()
    with pytest.raises(SystemExit, match=message):
        convert(theirs, "--output", theirs.parent / output)
    assert theirs.read_bytes() == before


def test_missing_file(convert, tmp_path):
    with pytest.raises(SystemExit, match=r"absent\.pth does not exist"):
        convert(tmp_path / "absent.pth", "--output", tmp_path / "ours.pth")
