"""The config reference: all keys, each with what the source says beside it."""

import pytest

SOURCE = '''
def define_keys(cfg):
    """Add them."""
    if "ONE" in cfg:
        return
    _add_one(cfg.MODEL)
    # Of two.
    options = cfg.TWO = CfgNode()
    # About a and b,
    # in two lines.
    options.A = 1
    options.B = "x"

    options.C = []
    options = cfg.THREE = CfgNode()
    options.D = 4  # not beside, but after


def _add_one(model):
    one = model.ONE = CfgNode()
    # First.
    one.E = 5
    one.F = CfgNode()
    one.F.G = 6
    # Second.
    inner = one.F
    # Third.
    inner.H = 7
'''


@pytest.fixture(scope="module")
def comments(tmp_path_factory):
    from config_keys import read_comments

    path = tmp_path_factory.mktemp("source") / "keys.py"
    path.write_text(SOURCE)
    return read_comments([path])


def test_comments_belong_to_the_lines_below_until_an_empty_line(comments):
    both = ("About a and b,", "in two lines.")
    assert comments.keys == {
        "MODEL.ONE.E": ("First.",),
        "MODEL.ONE.F.G": ("First.",),
        "MODEL.ONE.F.H": ("Third.",),
        "TWO.A": both,
        "TWO.B": both,
        "TWO.C": (),
        "THREE.D": (),
    }


def test_comments_of_sections(comments):
    assert comments.sections["TWO"] == ("Of two.",)
    assert comments.sections["MODEL.ONE"] == ()


def test_every_key_of_ours_is_described():
    from config_keys import read_keys

    keys, _ = read_keys()
    assert len(keys) > 90
    assert [key.name for key in keys if not "".join(key.comment).strip()] == []


def test_every_section_is_described():
    from config_keys import read_keys

    keys, comments = read_keys()
    common = {"SOLVER", "DATASETS", "DATALOADER", "TEST", "SOLVER.AMP"}  # Detectron2's own
    sections = {key.section for key in keys} - common
    assert [name for name in sections if not comments.sections.get(name)] == []


def test_defaults_are_those_of_the_code():
    from config_keys import read_keys

    keys = {key.name: key for key in read_keys()[0]}
    assert keys["MODEL.GROUPNET.NUM_BASES"].default == 4
    assert keys["MODEL.GROUPNET.NUM_BASES"].comment[0].startswith("K in the paper, 1 to 8")
    assert keys["TEST.SEMANTIC.WINDOW"].default == [480, 480]
    assert "SOLVER.BASE_LR" not in keys  # Detectron2's


def test_the_reference_has_an_entry_for_each_key():
    from config_keys import read_keys
    from config_text import reference_text

    keys, comments = read_keys()
    text = reference_text(keys, comments)
    for key in keys:
        assert text.count(f"````{{confval}} {key.name}\n") == 1
    assert text.count("## MODEL.GROUPNET.FPN\n") == 1


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (['"a" {0, 1}; B, no *c*'], "`a` \\{0, 1\\}; `B`, no \\*c\\*\n\n"),
        (["See SOLVER.AMP.DTYPE", "and NUM_X."], "See `SOLVER.AMP.DTYPE` and `NUM_X`.\n\n"),
        (['""', "for none"], '`""` for none\n\n'),
        (
            ["One of", "  x: this,", "      too;", "  y", "End."],
            "One of\n\n* x: this, too;\n\n* y\n\nEnd.\n\n",
        ),
    ],
    ids=["code", "keys", "empty", "list"],
)
def test_prose(comment, expected):
    from config_text import prose

    assert prose(comment, ["B"]) == expected
