import pytest

from groupnet_det import add_groupnet_config
from groupnet_det.config import load_config, parse_method
from groupnet_det.config.load import expand_path
from groupnet_det.errors import ConfigError
from groupnet_det.layers import Quantization
from groupnet_det.layers.methods import METHODS, Method


def test_adding_twice_changes_nothing():
    from detectron2.config import get_cfg

    cfg = get_cfg()
    add_groupnet_config(cfg)
    cfg.MODEL.GROUPNET.NUM_BASES = 7
    add_groupnet_config(cfg)
    assert cfg.MODEL.GROUPNET.NUM_BASES == 7


def test_defaults_are_those_of_the_layers():
    configured = parse_method(load_config(""), "BACKBONE")
    assert configured == Method()
    assert configured.quantization == Quantization()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("MODEL.GROUPNET.NUM_BASIS", "3", "unknown config key .*NUM_BASIS; near: .*NUM_BASES"),
        ("MODEL.NUM_BASES", "3", "unknown config key .*; near: MODEL.GROUPNET.NUM_BASES"),
        ("MODEL.GROUPNET.NUM_BASES", "four", "MODEL.GROUPNET.NUM_BASES"),
        ("DATASETS.CUSTOM", "['a']", r"DATASETS.CUSTOM\[0\] must be a mapping"),
    ],
    ids=["misspelt", "misplaced", "wrong-type", "custom-no-mapping"],
)
def test_bad_options_end_in_one_line(key, value, message):
    with pytest.raises(ConfigError, match=message) as error:
        load_config("", [key, value])
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent.yaml does not exist"):
        load_config(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(
    "content",
    ["SEED: !!python/object/apply:os.getpid []", "SEED: [", "- just\n- a list"],
    ids=["unsafe", "broken", "list"],
)
def test_unsafe_or_broken_yaml_is_refused(tmp_path, content):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"bad.yaml"):
        load_config(str(path))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "gb2312"])
@pytest.mark.parametrize("place", ["itself", "base"])
def test_a_config_in_another_encoding_is_named(tmp_path, encoding, place):
    text = "OUTPUT_DIR: über" if encoding != "gb2312" else "OUTPUT_DIR: 中文"
    (tmp_path / "one.yaml").write_bytes(text.encode(encoding))
    (tmp_path / "two.yaml").write_text("_BASE_: one.yaml")
    name = "one.yaml" if place == "itself" else "two.yaml"
    with pytest.raises(ConfigError, match=rf"{name}, or a _BASE_ .* not text in UTF-8.*save it"):
        load_config(str(tmp_path / name))
    (tmp_path / "one.yaml").write_bytes(text.encode("utf-8-sig"))
    assert text.split()[1] == load_config(str(tmp_path / name)).OUTPUT_DIR


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_of_bases_is_named(tmp_path, length):
    paths = [tmp_path / f"{number}.yaml" for number in range(length)]
    for number, path in enumerate(paths):
        path.write_text(f"_BASE_: {(number + 1) % length}.yaml")
    with pytest.raises(ConfigError, match=r"_BASE_ goes in a circle: \S+0.yaml -> ") as error:
        load_config(str(paths[0]))
    assert str(error.value).count("->") == length
    assert "\n" not in str(error.value)


def test_a_circle_that_starts_later_is_named(tmp_path):
    for name, base in (("start", "a"), ("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"_BASE_: {base}.yaml")
    with pytest.raises(ConfigError, match=r"circle: \S+a.yaml -> \S+b.yaml -> \S+a.yaml;"):
        load_config(str(tmp_path / "start.yaml"))


def test_yaml_like_a_well_is_refused(tmp_path):
    path = tmp_path / "deep.yaml"
    path.write_text("SEED: " + "[" * 100_000)
    with pytest.raises(ConfigError, match=r"deep.yaml is nested too deeply"):
        load_config(str(path))


def load_value(tmp_path, way, key, value):
    if way == "option":
        return load_config("", [key, value])
    *parents, leaf = key.split(".")
    path = tmp_path / "one.yaml"
    path.write_text("".join(f"{'  ' * i}{p}:\n" for i, p in enumerate(parents)))
    with path.open("a") as file:
        file.write(f"{'  ' * len(parents)}{leaf}: {value}\n")
    return load_config(str(path))


@pytest.mark.parametrize("way", ["option", "file"])
@pytest.mark.parametrize(
    ("key", "value"),
    [("SOLVER.BASE_LR", 1.0), ("SOLVER.WEIGHT_DECAY", 0.0), ("MODEL.GROUPNET.WIDTH", 2.0)],
)
def test_a_whole_number_is_a_float_where_one_is_needed(tmp_path, way, key, value):
    cfg = load_value(tmp_path, way, key, str(int(value)))
    for part in key.split("."):
        cfg = cfg[part]
    assert (type(cfg), cfg) == (float, value)


@pytest.mark.parametrize("way", ["option", "file"])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("INPUT.MIN_SIZE_TRAIN", "160", r'MIN_SIZE_TRAIN is 160, .*write \S+ "\[160\]"'),
        ("SOLVER.STEPS", "0.5", r'STEPS is 0.5, but takes a list; write SOLVER.STEPS "\[0.5\]"'),
        ("SOLVER.MAX_ITER", "90.0", r"MAX_ITER is 90.0, but .* whole number; write \S+ 90$"),
        ("SOLVER.IMS_PER_BATCH", "0", r"SOLVER.IMS_PER_BATCH is 0; .*1"),
        ("SOLVER.IMS_PER_BATCH", "-4", r"SOLVER.IMS_PER_BATCH is -4; .*1"),
        ("TEST.IMS_PER_BATCH", "0", r"TEST.IMS_PER_BATCH is 0; .*1"),
        ("SOLVER.MAX_ITER", "0", "SOLVER.MAX_ITER is 0; write at least 1"),
        ("SOLVER.CHECKPOINT_PERIOD", "0", "CHECKPOINT_PERIOD is 0; write at least 1"),
        ("DATALOADER.NUM_WORKERS", "-1", "NUM_WORKERS is -1; write at least 0"),
        ("SOLVER.BASE_LR", "-1", "BASE_LR is -1.0; write at least 0"),
        ("SOLVER.BASE_LR", "high", "BASE_LR is 'high', but takes a number$"),
        ("SOLVER.MAX_ITER", "many", "MAX_ITER is 'many', but takes a whole number$"),
        ("MODEL.MASK_ON", "ja", "MASK_ON is 'ja', but takes True or False$"),
        ("INPUT.MIN_SIZE_TRAIN", "[]", r'TRAIN is \[\], but takes whole .*"\[160, 192\]"'),
        ("INPUT.MIN_SIZE_TRAIN", "['160']", r"TRAIN is \['160'\], but takes whole numbers"),
    ],
    ids=[
        *("list", "list-of-floats", "broken-number", "no-batch", "negative-batch"),
        *("no-test-batch", "no-iterations", "no-period", "no-workers", "negative-rate"),
        *("text-rate", "text-number", "text-flag", "no-size", "text-size"),
    ],
)
def test_an_impossible_value_says_what_to_write(tmp_path, way, key, value, message):
    with pytest.raises(ConfigError, match=message) as error:
        load_value(tmp_path, way, key, value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("typed", "write"),
    [("mine", "['mine']"), ("[mine]", "['mine']"), ("(a, 'b')", "['a', 'b']")],
)
def test_names_without_quotes_are_told_as_a_list(typed, write):
    with pytest.raises(ConfigError) as error:
        load_config("", ["DATASETS.TRAIN", typed])
    assert str(error.value).endswith(f'but takes a list; write DATASETS.TRAIN "{write}"')
    assert load_config("", ["DATASETS.TRAIN", write]).DATASETS.TRAIN


def test_every_config_of_ours_loads(root):
    configs = sorted((root / "configs").rglob("*.yaml"))
    assert configs
    for path in configs:
        cfg = load_config(str(path))
        for part in ("BACKBONE", "NECK", "HEAD"):
            parse_method(cfg, part)


@pytest.mark.parametrize("name", METHODS)
def test_one_key_makes_a_rival_and_parts_overrule_it(name):
    cfg = load_config("", ["MODEL.GROUPNET.METHOD", name, "MODEL.GROUPNET.PARTS.NECK", "bnn"])
    assert parse_method(cfg, "BACKBONE") == parse_method(cfg, "HEAD")
    assert parse_method(cfg, "BACKBONE").quantization.num_bases == (4 if name == "group_net" else 1)
    assert parse_method(cfg, "NECK").quantization.weight_scale == "none"


def test_unknown_method_lists_the_valid_ones():
    cfg = load_config("", ["MODEL.GROUPNET.PARTS.HEAD", "ternary"])
    with pytest.raises(ConfigError, match=r"PARTS.*'ternary'.*'group_net', 'float', 'bnn'"):
        parse_method(cfg, "HEAD")


def test_variables_in_paths(monkeypatch):
    monkeypatch.setenv("SOMEWHERE", "/data")
    assert expand_path("$SOMEWHERE/a.json", "KEY") == "/data/a.json"
    with pytest.raises(ConfigError, match=r"KEY is .*variable NOWHERE_AT_ALL is not set"):
        expand_path("${NOWHERE_AT_ALL}/a.json", "KEY")
