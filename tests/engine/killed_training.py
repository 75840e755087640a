"""A training in a process of its own, which may be killed at a point, as `kill -9` does it."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path

from detectron2.engine import HookBase, default_argument_parser
from detectron2.utils.events import get_event_storage

# A process that has imported everything and trained nothing; each training is a fork of it.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["groupnet_det.engine.trainer", "tests.engine.killed_training"])

TIMEOUT = 300  # seconds


def record_losses(trainer, path):
    """Append each step's losses, to the last bit, to a file."""
    run_step = trainer.run_step

    def run_and_record():
        run_step()
        latest = trainer.storage.latest()
        losses = {key: value.hex() for key, (value, _) in latest.items() if "loss" in key}
        with path.open("a") as file:
            file.write(f"{trainer.iter} {sorted(losses.items())}\n")

    trainer.run_step = run_and_record


class KillAfterStep(HookBase):
    """Kill this process at the very end of a step."""

    def __init__(self, iteration):
        self.iteration = iteration

    def after_step(self):
        if self.trainer.iter == self.iteration:
            kill_this_process()


def kill_this_process():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_in_step(trainer, iteration):
    """After the losses of a step are noted and before anything of it is kept."""
    trainer.register_hooks([KillAfterStep(iteration)])


def kill_in_checkpoint(trainer, iteration):
    """When its file lies there in part."""
    import groupnet_det.checkpoint.checkpointer as module

    def save(state, file):
        Path(file).write_bytes(b"a part")
        kill_this_process()

    class Killer(HookBase):
        def before_step(self):
            if trainer.iter == iteration:
                module.torch.save = save

    trainer.register_hooks([Killer()])


def kill_in_evaluation(trainer, iteration):
    """When the test images are seen and nothing is scored yet."""
    build_evaluator = type(trainer).build_evaluator

    def build(cfg, name):
        evaluator = build_evaluator(cfg, name)
        if get_event_storage().iter == iteration:
            evaluator.evaluate = kill_this_process
        return evaluator

    type(trainer).build_evaluator = staticmethod(build)


KILLS = {
    "step": kill_in_step,
    "checkpoint": kill_in_checkpoint,
    "evaluation": kill_in_evaluation,
}


def train_in_process(config, options, output, *, resume=False, kill=None):
    """Train as the tool does.

    Args:
        config: File.
        options: Config keys and values.
        output: ``OUTPUT_DIR``; ``losses.txt`` in it gets the losses.
        resume: As ``--resume``.
        kill: Name in `KILLS` and iteration; else the training must end well.
    """
    arguments = (str(config), list(options), output, resume, kill)
    process = PROCESSES.Process(target=_train, args=arguments)
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
    assert process.exitcode == (-signal.SIGKILL if kill else 0)


def _train(config, options, output, resume, kill):
    from groupnet_det.engine.setup import setup
    from groupnet_det.engine.trainer import Trainer

    flags = ["--config-file", config, "--num-gpus", "0", *(["--resume"] if resume else [])]
    arguments = default_argument_parser().parse_args(flags)
    arguments.opts = [*options, "OUTPUT_DIR", str(output)]
    trainer = Trainer(setup(arguments))
    record_losses(trainer, Path(output) / "losses.txt")
    if kill:
        KILLS[kill[0]](trainer, kill[1])
    trainer.resume_or_load(resume)
    trainer.train()
