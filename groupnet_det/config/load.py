"""Read a config file and command-line options, with errors in one line."""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Sequence

import yaml
from detectron2.config import CfgNode, get_cfg

from groupnet_det.errors import ConfigError
from groupnet_det.files.paths import find_config

from .keys import add_config_keys
from .value_types import check_values, fit_options, fit_tree


def load_config(config_file: str, options: Sequence[str] = ()) -> CfgNode:
    """Detectron2's defaults, our keys, `config_file`, then `options`.

    YAML is only ever read safely: a file that needs arbitrary Python objects is refused.

    Args:
        config_file: YAML file, or the name of a config of the project (`find_config`); may be empty
            for the defaults.
        options: KEY VALUE pairs.

    Raises:
        ConfigError: The file is missing or not plain YAML, a key is unknown (the message names
            near ones) or a value has the wrong type.
    """
    config_file = config_file and find_config(config_file)

    def merge(cfg: CfgNode) -> None:
        if config_file:
            _merge_file(cfg, config_file)

    return _load(merge, config_file, options)


def load_config_text(text: str, source: str, options: Sequence[str] = ()) -> CfgNode:
    """Load a config as `load_config` does, from the YAML that a checkpoint contains.

    Args:
        text: What ``cfg.dump()`` gave.
        source: For messages.
        options: KEY VALUE pairs.

    Raises:
        ConfigError: See `load_config`.
    """

    def merge(cfg: CfgNode) -> None:
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise TypeError(f"it is a {type(content).__name__}")
        cfg.merge_from_other_cfg(CfgNode(fit_tree(cfg, content)))

    return _load(merge, source, options)


def _load(merge: Callable[[CfgNode], None], config_file: str, options: Sequence[str]) -> CfgNode:
    cfg = get_cfg()
    add_config_keys(cfg)
    valid_keys = list(_all_keys(cfg))
    try:
        merge(cfg)
        cfg.merge_from_list(fit_options(cfg, options))
    except ConfigError:
        raise
    except RecursionError as error:
        raise ConfigError(_explain_depth(config_file)) from error
    except FileNotFoundError as error:  # a _BASE_ of it
        raise ConfigError(f"{config_file} names {error.filename}, which does not exist") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{config_file}, or a _BASE_ of it, is not text in UTF-8 (byte {error.start} is "
            f"0x{error.object[error.start]:02x}); save it as UTF-8"
        ) from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{config_file} is not plain, safe YAML: {problem}") from error
    except (AttributeError, TypeError) as error:  # yacs walks over what is not a mapping
        raise ConfigError(f"{config_file} must hold a mapping of config keys: {error}") from error
    except (KeyError, ValueError, AssertionError) as error:
        raise ConfigError(_explain(str(error.args[0]), config_file, valid_keys)) from error
    for index, dataset in enumerate(cfg.DATASETS.CUSTOM):
        if not isinstance(dataset, dict):
            raise ConfigError(f"DATASETS.CUSTOM[{index}] must be a mapping, not {dataset!r}")
    check_values(cfg)
    return cfg


def _merge_file(cfg: CfgNode, config_file: str) -> None:
    content = CfgNode.load_yaml_with_base(config_file, allow_unsafe=False)
    if content.get("VERSION", cfg.VERSION) == cfg.VERSION:
        cfg.merge_from_other_cfg(CfgNode(fit_tree(cfg, content)))
    else:  # which Detectron2 translates
        cfg.merge_from_file(config_file, allow_unsafe=False)


def _explain_depth(config_file: str) -> str:
    """One line for what Python could not follow: a circle of ``_BASE_``, or YAML like a well."""
    seen: list[str] = []
    path = os.path.abspath(config_file)
    while path not in seen:
        seen.append(path)
        try:
            with open(path) as file:
                content = yaml.safe_load(file)
        except (OSError, yaml.YAMLError, RecursionError):
            return f"{path} is nested too deeply to be a config"
        base = content.get("_BASE_") if isinstance(content, dict) else None
        if not isinstance(base, str):
            return f"{config_file} is nested too deeply to be a config"
        path = os.path.abspath(os.path.join(os.path.dirname(path), os.path.expanduser(base)))
    circle = [*seen[seen.index(path) :], path]
    return f"_BASE_ goes in a circle: {' -> '.join(circle)}; remove one of them"


def expand_path(path: str, key: str) -> str:
    """Expand ``~`` and ``$VARIABLES`` in `path`, the value of `key`.

    Raises:
        ConfigError: A variable is not set.
    """
    expanded = os.path.expandvars(os.path.expanduser(path))
    unset = re.search(r"\$\{?(\w+)\}?", expanded)
    if unset:
        raise ConfigError(f"{key} is {path!r}, but the variable {unset[1]} is not set")
    return expanded


def _all_keys(cfg: CfgNode, prefix: str = "") -> Iterator[str]:
    for key, value in cfg.items():
        if isinstance(value, CfgNode):
            yield from _all_keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _explain(problem: str, config_file: str, valid_keys: list[str]) -> str:
    """One line for what yacs complains of; for an unknown key, with the nearest known ones."""
    problem = " ".join(problem.split())
    unknown = re.search(r"Non-existent (?:config )?key: (\S+)", problem)
    if not unknown:
        return f"{problem} (in {config_file or 'the options'} or an option)"
    key = unknown[1].rstrip(".")
    last_words = [name for name in valid_keys if name.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    near = last_words or difflib.get_close_matches(key, valid_keys, n=3)
    hint = f"; near: {', '.join(near[:3])}" if near else ""
    return f"unknown config key {key}{hint}"
