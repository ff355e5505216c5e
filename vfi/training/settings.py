"""What a trainer may be told: numbers that Lightning takes and then stumbles over."""

import os
from collections.abc import Mapping
from typing import Any

import torch

from vfi.data.loading import most_workers
from vfi.training.sharding import check_sharing

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")
_LIMITS = {
    "fit": ("limit_train_batches",),
    "validate": ("limit_val_batches",),
    "test": ("limit_test_batches",),
    "predict": ("limit_predict_batches",),
}
_LEAST = {
    "log_every_n_steps": 1,
    "accumulate_grad_batches": 1,
    "check_val_every_n_epoch": 1,
    "num_nodes": 1,
    "max_epochs": -1,
    "max_steps": -1,
    "num_sanity_val_steps": -1,
    "gradient_clip_val": 0,
    "overfit_batches": 0,
    "reload_dataloaders_every_n_epochs": 0,
}


def check(command: str, settings: Mapping[str, Any]) -> None:
    """Checks the options of a Lightning command before anything is started.

    Args:
        command: fit, validate, test or predict.
        settings: all its options, as plain data.

    Raises:
        ValueError: for the first that is out of bounds, or that cannot work on this machine.
    """
    trainer = settings.get("trainer") or {}
    for name, least in _LEAST.items():
        value = trainer.get(name)
        if isinstance(value, int | float) and not value >= least:
            raise ValueError(f"trainer.{name} is {value}; it must be at least {least}")
    for name in _LIMITS.get(command, ()):
        if trainer.get(name) == 0:
            raise ValueError(f"trainer.{name} is 0: {command} would do nothing; leave it out")
    interval = trainer.get("val_check_interval")
    if isinstance(interval, int | float) and not interval > 0:
        raise ValueError(f"trainer.val_check_interval is {interval}; it must be above 0")
    seed = settings.get("seed_everything")
    if isinstance(seed, int) and not isinstance(seed, bool) and not 0 <= seed < 2**32:
        raise ValueError(f"seed_everything is {seed}; it must be from 0 to {2**32 - 1}")
    if trainer.get("default_root_dir") == "":
        raise ValueError("trainer.default_root_dir is empty; give the run folder, e.g. runs/mine")
    check_precision(trainer.get("precision"))
    check_sharing(command, trainer, settings.get("ckpt_path"))
    _check_devices(trainer)


def check_precision(precision: Any) -> None:
    """Raises ValueError for a precision in which flow would not be float32."""
    if precision is not None and str(precision) not in PRECISIONS:
        raise ValueError(
            f"trainer.precision is {precision!r}: flow and sampling grids need float32; use "
            "32-true, or bf16-mixed or 16-mixed, which convolve in half precision"
        )


def _check_devices(trainer: Mapping[str, Any]) -> None:
    devices, accelerator = trainer.get("devices"), trainer.get("accelerator")
    if isinstance(devices, str) and devices.lstrip("-").isdigit():
        devices = int(devices)
    if isinstance(devices, int) and not isinstance(devices, bool):
        if devices < (-1 if accelerator in ("cuda", "gpu") else 1):
            raise ValueError(f"trainer.devices is {devices}; it must be at least 1, or 'auto'")
        if devices > most_workers():
            raise ValueError(
                f"trainer.devices is {devices}; a machine with {os.cpu_count()} cores takes at "
                f"most {most_workers()} processes"
            )
    if accelerator in ("cuda", "gpu") and not torch.cuda.is_available():
        raise ValueError(
            f"trainer.accelerator is {accelerator!r}, but there is no CUDA device that torch can "
            "use; use cpu or auto"
        )
    if isinstance(accelerator, str) and accelerator not in ("auto", "cpu", "cuda", "gpu", "mps"):
        raise ValueError(
            f"trainer.accelerator is {accelerator!r}; allowed: auto, cpu, cuda, gpu, mps"
        )
