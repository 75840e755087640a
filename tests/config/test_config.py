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
