"""The other end of `vfi.jobs.apart`: the process that has a model and answers what it is asked."""

import dataclasses
import importlib.util
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from vfi.allocator import keep_freed_memory
from vfi.files import sha256
from vfi.jobs.apart import Trial
from vfi.measure.costs import efficiency
from vfi.measure.latency import moving_frames, timed
from vfi.measure.memory import peak_memory_mib
from vfi.measure.protocol import score_set
from vfi.measure.quality import PERFECT_PSNR, psnr, quantize
from vfi.models import Interpolator
from vfi.models.device import laid_out, usable
from vfi.runtime.ways import EAGER, described, fingerprint, plain

_STEP = 2e-3  # seconds
_IDLE = 0.3  # of one core
_LONGEST = 0.5  # seconds


class Subject:
    """One model under one set of conditions; every public method is something to be asked.

    Args:
        trial: what is loaded, and how it runs.
    """

    def __init__(self, trial: Trial) -> None:
        started = time.perf_counter()
        self._trial = trial
        self._device = usable(trial.device)
        if trial.way.threads:
            torch.set_num_threads(trial.way.threads)
        self._layout = torch.channels_last if trial.channels_last else torch.contiguous_format
        self._foreign = Path(trial.way.model).suffix == ".py"
        self._model: Any = _foreign(trial.way.model, self._device) if self._foreign else None
        if self._model is None:
            self._model = laid_out(trial.way.load(self._device), self._layout)
            # Compiled networks would copy frames of another layout first.
            self._layout = getattr(self._model.network, "memory_format", self._layout)
        self._flow_scale = trial.way.flow_scale or 1.0
        alike = not self._foreign and described(self._model) == EAGER
        self._eager = alike and self._flow_scale == 1
        img0, img1 = moving_frames(trial.height, trial.width)
        self._frames = self._laid(img0), self._laid(img1)
        self._made: Tensor = self._run(*self._frames)
        self._ready_s = time.perf_counter() - started

    def _laid(self, frame: Tensor) -> Tensor:
        batch = frame.expand(self._trial.batch, -1, -1, -1)
        return batch.to(self._device).contiguous(memory_format=self._layout)

    def facts(self) -> dict[str, Any]:
        """What really runs, and the seconds from the name of the model to its first frame."""
        if self._foreign:
            how, weights = dict(EAGER), sha256(self._trial.way.model)[:16]
        else:
            how, weights = described(self._model), fingerprint(self._model)
        return {**how, "weights": weights, "ready_s": self._ready_s}

    def once(self) -> float:
        """Seconds of a call; the answer waits until this process is idle again."""
        seconds = timed(partial(self._run, *self._frames), self._device)
        _settle()
        return seconds

    def costs(self) -> dict[str, Any]:
        """Parameters, operations and size; nothing is known of others' networks."""
        if self._foreign:
            return {}
        size = self._trial.height, self._trial.width
        return dataclasses.asdict(efficiency(plain(self._model), *size, self._flow_scale))

    def peak(self) -> float | None:
        """The most memory that this process has held, in MiB; see `peak_memory_mib`."""
        return peak_memory_mib(self._device)

    def parity(self) -> dict[str, float | None]:
        """How far a frame of moving texture is from that of torch in float32: see `quality`."""
        return self._apart_from_eager([self._near(self._made, *self._frames, 0.5)])

    def quality(self, data: Mapping[str, Any], limit: int | None) -> dict[str, Any]:
        """Quality on a set.

        Args:
            data: the fields of a `ValData`.
            limit: triplets, from the first; all if None.

        Returns:
            ``psnr`` and ``ssim`` to the truth; to the frames of torch in float32, PSNR
            (``psnr_to_eager``) and mean absolute difference (``difference``, of values in [0, 1]).
        """
        from vfi.data.sources import ValData, open_source  # here: memory is measured without them

        dataset = open_source(ValData(**{**data, "strides": tuple(data["strides"])}))
        found: list[tuple[float, float] | None] = []

        def model(img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
            made = self._run(img0, img1, timestep)
            found.append(self._near(made, img0, img1, timestep))
            return made

        names = ("psnr", "ssim")
        rows = score_set(model, dataset, names=names, limit=limit, device=self._device)
        return {
            "triplets": len(rows),
            **{name: fmean(row[name] for row in rows) for name in names},
            **self._apart_from_eager(found),
        }

    @torch.inference_mode()
    def _run(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5) -> Tensor:
        if self._foreign:
            return self._model(img0, img1, timestep)
        frame: Tensor = self._model(img0, img1, timestep, flow_scale=self._flow_scale)
        return frame

    def _near(
        self, made: Tensor, img0: Tensor, img1: Tensor, timestep: float | Tensor
    ) -> tuple[float, float] | None:
        """PSNR and mean difference to torch in float32; None of others' networks."""
        if self._foreign:
            return None
        if self._eager:
            return PERFECT_PSNR, 0.0
        with torch.inference_mode():
            eager = Interpolator(plain(self._model)).eval()(img0, img1, timestep)
            near = psnr(quantize(made), quantize(eager)).mean()
            return float(near), float((made - eager).abs().mean())

    @staticmethod
    def _apart_from_eager(found: list[tuple[float, float] | None]) -> dict[str, float | None]:
        known = [pair for pair in found if pair]
        near, far = (
            (fmean(column) for column in zip(*known, strict=True)) if known else (None, None)
        )
        return {"psnr_to_eager": near, "difference": far}


def serve(trial: str) -> None:
    """Answers lines of ``[method, arguments]`` on standard input, on standard output."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    logging.disable(logging.WARNING)  # facts tell what was chosen
    keep_freed_memory()
    subject: Subject | None = None
    for line in sys.stdin:
        what, arguments = json.loads(line)
        try:
            subject = subject or Subject(Trial.from_dict(json.loads(trial)))
            reply = {"value": getattr(subject, what)(**arguments)}
        except (ValueError, OSError, RuntimeError) as error:
            reply = {"error": " ".join(str(error).split()) or type(error).__name__}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _foreign(path: str, device: torch.device) -> Callable[..., Tensor]:
    """Others' network: what ``load(device)`` of a Python file of the user's gives.

    Raises:
        ValueError: if the file cannot be run or has no such function.
    """
    try:
        spec: Any = importlib.util.spec_from_file_location("foreign", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model: Callable[..., Tensor] = module.load(device)
    except Exception as error:
        raise ValueError(
            f"load(device) of {path} failed: {type(error).__name__}: {error}"
        ) from error
    return model.eval() if isinstance(model, nn.Module) else model


def _settle() -> None:
    """Waits until the threads of this process rest: some runtimes' spin for a while."""
    end = time.perf_counter() + _LONGEST
    while time.perf_counter() < end:
        used, since = time.process_time(), time.perf_counter()
        time.sleep(_STEP)
        if time.process_time() - used < _IDLE * (time.perf_counter() - since):
            return
