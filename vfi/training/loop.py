"""Lightning's loop of ``fit``, which leaves out no validation when it is resumed."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loops.fit_loop import _FitLoop
from typing_extensions import override

from vfi.data.loading import EpochLoader


class FitLoop(_FitLoop):
    """Lightning's own, but for epochs that another number of processes began, and for checkpoints
    of a step that a validation follows.

    Such a one says that the step is complete and its validation was begun; Lightning then begins
    that validation again. By Lightning's own account, the step would count as validated.

    Args:
        trainer: whose loop this becomes.
    """

    def __init__(self, trainer: Trainer) -> None:
        before = trainer.fit_loop
        super().__init__(trainer, before.min_epochs, before.max_epochs)
        self.epoch_loop = before.epoch_loop
        self._data_source = before._data_source
        self._usual: float | None = None  # batches of an epoch

    @property
    @override
    def done(self) -> bool:
        """Not before the validation of the last step, though training itself is at its end."""
        loop = self.epoch_loop
        return not (loop.restarting and loop.val_loop.restarted_mid_evaluation) and super().done

    @override
    def on_advance_start(self) -> None:
        """Tells Lightning how many batches the epoch has: one that others began may have more."""
        self.setup_data()
        if self._usual is None:
            self._usual = self.max_batches
        loaders = self._combined_loader.flattened if self._combined_loader else []
        for loader in loaders:
            if isinstance(loader, EpochLoader) and self.trainer.limit_train_batches == 1.0:
                self._limit(loader.steps_of(self.trainer.current_epoch) or self._usual)
        super().on_advance_start()

    def _limit(self, steps: float) -> None:
        if steps == self.max_batches:
            return
        if self.trainer.val_check_batch == self.max_batches:
            self.trainer.val_check_batch = steps
        self.max_batches = steps
        fetcher: Any = self._data_fetcher
        fetcher.combined_loader.limits = [steps]
        if self.restarting:  # else it is begun anew in any case
            iter(fetcher)
            fetcher.length = steps  # which it takes from the loader, whose epochs are shorter

    @override
    def load_state_dict(self, *args: Any, **options: Any) -> None:
        super().load_state_dict(*args, **options)
        self.update_restart_stage()  # which `done` asks for before Lightning does this

    @override
    def reset(self) -> None:
        super().reset()
        if self.epoch_loop.val_loop.restarted_mid_evaluation:  # its batches begin anew
            self.epoch_loop.val_loop.batch_progress.total.reset_on_restart()

    @override
    def state_dict(self, *args: Any, **options: Any) -> dict[str, Any]:
        state = super().state_dict(*args, **options)
        if self._validation_follows():
            validation = state["epoch_loop.val_loop.batch_progress"]
            validation["current"] = dict.fromkeys(validation["current"], 0)
            for count in ("ready", "started"):  # of a first batch, which is not processed
                validation["total"][count] += 1
            for progress in state["epoch_loop.batch_progress"].values():
                if isinstance(progress, dict):
                    progress["completed"] = progress["processed"]
        return state

    def _validation_follows(self) -> bool:
        """Whether a training step has just ended, and validation comes before the next one."""
        steps: Any = self.epoch_loop.batch_progress.total
        ended = steps.ready == steps.processed == steps.completed + 1
        fetcher = self._data_fetcher
        return ended and fetcher is not None and self.epoch_loop._should_check_val_fx(fetcher)
