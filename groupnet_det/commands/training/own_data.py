"""Training on own data without a config: ``groupnet-det train --data``."""

import argparse

from groupnet_det.autotrain.pipeline import autotrain
from groupnet_det.autotrain.request import Request, default_output, make_budget, parse_time
from groupnet_det.errors import ConfigError

# Flags that need a config, by their values where they are not given.
OF_CONFIGS = {
    "config_file": "",
    "resume": False,
    "eval_only": False,
    "report": False,
    "num_machines": 1,
    "num_processes": 0,
}


def train_on_data(arguments: argparse.Namespace) -> None:
    """
    Raises:
        UserError: The request cannot work; see `autotrain`.
    """
    for name, default in OF_CONFIGS.items():
        if getattr(arguments, name) != default:
            raise ConfigError(
                f"--{name.replace('_', '-')} goes with a config, not with --data, which trains, "
                "goes on, scores and reports by itself; leave one of the two out"
            )
    seconds = None if arguments.time is None else parse_time(arguments.time)
    request = Request(
        data=arguments.data,
        task=arguments.task,
        num_bases=arguments.k,
        budget=make_budget(seconds, arguments.epochs),
        output=arguments.output or default_output(arguments.data),
        options=tuple(arguments.opts),
        num_gpus=arguments.num_gpus,
    )
    autotrain(request, dry_run=arguments.dry_run)
