"""Stopping a training so that it can go on: SIGTERM and Ctrl-C wait for the optimizer's step."""

import logging
import signal
from contextlib import ExitStack
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from vfi.stopping import ENDING, Stopped, handling
from vfi.training.resume import LAST, checkpoint_folder, newest
from vfi.training.sharding import FullySharded

logger = logging.getLogger(__name__)


class Stopping(Callback):
    """On Ctrl-C or a signal that asks to end, ``fit`` ends its step, saves ``last.ckpt`` and stops.

    A second signal stops at once, but for that of a closed terminal. All processes stop at the same
    step, whichever of them was told. A validation that is due then is made up for when training
    goes on. Other stages stop at once.
    """

    def __init__(self) -> None:
        self._asked: int | None = None
        self._handlers = ExitStack()

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, which ends without saving, with status 0."""
        self._asked = None
        self._handlers.enter_context(handling(self._note, signal.SIGINT, *ENDING))

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._handlers.enter_context(handling(_stop_at_once, *ENDING))

    @override
    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._handlers.enter_context(handling(_stop_at_once, *ENDING))

    @override
    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        """Saves and stops, if it was asked for and no gradients are waiting for others."""
        if self._agreed(trainer) and not trainer.fit_loop.epoch_loop._should_accumulate():
            self._save_and_stop(trainer)

    @override
    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Says how to go on where a signal left no time to save."""
        self._handlers.close()  # no teardown follows, and what is left open ends at any time
        if not isinstance(exception, KeyboardInterrupt | Stopped):
            return
        if isinstance(exception, Stopped) and exception.said:
            return
        if trainer.state.fn == "fit" and trainer.is_global_zero:
            number = exception.signal if isinstance(exception, Stopped) else signal.SIGINT
            _say(trainer, number)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._handlers.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._asked is not None:
            if signal.Signals(number).name == "SIGHUP":  # the system and the shell send one each
                return
            signal.signal(number, signal.default_int_handler)
            raise KeyboardInterrupt if number == signal.SIGINT else Stopped(number)
        self._asked = number
        logger.info("%s: saving after this step", signal.Signals(number).name)

    def _agreed(self, trainer: Trainer) -> int:
        """The signal that any process was sent, 0 if none."""
        if trainer.world_size == 1:
            return self._asked or 0
        asked = torch.tensor(float(self._asked or 0), device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(asked, reduce_op="max"))

    def _save_and_stop(self, trainer: Trainer) -> None:
        number = self._agreed(trainer)
        path = checkpoint_folder(trainer) / LAST
        trainer.save_checkpoint(path)
        if not trainer.is_global_zero:
            raise SystemExit(0)  # the first process tells; Lightning kills it if another fails
        _say(trainer, number)
        raise Stopped(number, said=True)


def _say(trainer: Trainer, number: int) -> None:
    """Tells what is on disk, and how to go on with it."""
    path = newest(checkpoint_folder(trainer))
    if path is None:
        rest = "no checkpoint was written; the same command begins anew"
    elif isinstance(trainer.strategy, FullySharded):
        rest = (
            f"{path} is on disk; under FSDP a training cannot go on: another one, in a new run "
            "folder, may begin with these weights, as --model.network"
        )
    else:
        rest = f"{path} is on disk; with ckpt_path: last, the same command goes on"
    name, step = signal.Signals(number).name, trainer.global_step
    logger.info("stopped by %s at step %d; %s", name, step, rest)


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
