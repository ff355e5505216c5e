"""The LightningModules: interpolation evaluated by the benchmark's scores."""

import copy
import os
import time
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import STEP_OUTPUT, OptimizerLRScheduler
from torch import Tensor, nn
from typing_extensions import override

from vfi.checkpoints import load_network
from vfi.measure.protocol import SCORES, score
from vfi.measure.quality import quantize
from vfi.models import RIFE, Interpolator, RIFESpec
from vfi.runtime.load import Precision, Runtime, check_way, prepared
from vfi.training.metrics import ImageMean
from vfi.training.objective import Objective
from vfi.training.schedule import OptimizerSpec, check_length, length, recorded, stretch
from vfi.training.sharding import share_out

SPEC_KEY = "rife_spec"
"""Where a Lightning checkpoint keeps the network's spec."""


class InterpolationModule(LightningModule):
    """Scores anything that makes the frame between two frames; subclasses say how in `forward`.

    Batches are dictionaries of ``img0``, ``gt`` and ``img1`` ``(B, 3, H, W)`` in [0, 1],
    ``timestep`` ``(B,)``, ``id`` and ``index``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.means = nn.ModuleDict({name: ImageMean() for name in SCORES})

    def forward(self, img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        """The frame at ``timestep``: ``(B, 3, H, W)`` in [0, 1]."""
        raise NotImplementedError

    def _evaluate(self, batch: Mapping[str, Any], stage: str) -> dict[str, Any]:
        """Predicts a batch and scores it by the protocol: frames of 8 bits, one score an image.

        Returns:
            ``prediction`` ``(B, 3, H, W)`` in [0, 1], ``seconds`` that the forward pass took, and
            a ``(B,)`` tensor for each score.
        """
        started = time.perf_counter()
        prediction = self(batch["img0"], batch["img1"], batch["timestep"])
        if prediction.is_cuda:
            torch.cuda.synchronize(prediction.device)
        seconds = time.perf_counter() - started
        values = score(prediction, batch["gt"])
        mean: Any
        for name, mean in self.means.items():
            mean.update(values[name])
            # The metric object, not its value: Lightning then averages over all processes' images.
            self.log(f"{stage}/{name}", mean, prog_bar=name == "psnr")
        return {"prediction": quantize(prediction), "seconds": seconds, **values}

    @override
    def validation_step(self, batch: Mapping[str, Any], batch_idx: int) -> STEP_OUTPUT:
        # In bfloat16, figures would be off by some 0.02 dB, which is what checkpoints differ by.
        with torch.autocast(self.device.type, enabled=False):
            return self._evaluate(batch, "val")

    @override
    def test_step(self, batch: Mapping[str, Any], batch_idx: int) -> STEP_OUTPUT:
        return self._evaluate(batch, "test")

    @override
    def predict_step(self, batch: Mapping[str, Any], batch_idx: int) -> Tensor:
        return quantize(self(batch["img0"], batch["img1"], batch["timestep"]))


class RIFEModule(InterpolationModule):
    """A RIFE network under Lightning.

    Args:
        network: a registry name or a path; see `vfi.checkpoints.load_network`.
        refine: whether the refine stage (context network and U-Net) is used.
        warp_at_scale: whether coarse estimates are warped at their own resolution, which is faster
            (see `vfi.models.RIFESpec`); None leaves that as it was saved.
        options: further changes to the network by name; see `vfi.checkpoints.load_network`.
        objective: what `fit` minimises.
        optimizer: how.
        dense: the network that distillation learns from (a name or path); needed where the
            objective has such terms, and not loaded otherwise.
        runtime: what tests and predicts, see `vfi.load_model`; training and its validation are
            torch's.
        precision: likewise; ``auto`` in torch is that of the trainer.

    Raises:
        ValueError: if the objective distils and no dense network is named, or the runtime or
            precision is unknown.
    """

    def __init__(
        self,
        network: str = "rife_v4.0",
        refine: bool = True,
        warp_at_scale: bool | None = None,
        objective: Objective | None = None,
        optimizer: OptimizerSpec | None = None,
        dense: str | None = None,
        options: dict[str, Any] | None = None,
        runtime: Runtime = "torch",
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        check_way(runtime, precision)
        self.source = network
        self.runtime, self.precision = runtime, precision
        self._ready: list[Interpolator] = []  # what tests; in a list, so that it is no submodule
        self.objective = objective or Objective()
        self.optimizer_spec = optimizer or OptimizerSpec()
        if self.objective.needs_dense and dense is None:
            raise ValueError(
                "the objective distils from a dense network: name one by --model.dense, or set "
                "its dense_* weights to 0"
            )
        self.dense_source = dense
        self._begun: int | None = None  # steps of the schedule that is resumed
        self._dense: list[RIFE] = []  # in a list, so that it is no submodule
        self.network = load_network(
            network, refine, self.objective.needs_teacher, warp_at_scale, options
        )

    @classmethod
    @override
    def load_from_checkpoint(
        cls,
        checkpoint_path: Any,
        map_location: Any = None,
        hparams_file: Any = None,
        strict: bool | None = None,
        weights_only: bool | None = True,
        **settings: Any,
    ) -> "RIFEModule":
        """The module that a checkpoint of ``fit`` holds; no argument is needed.

        The network has the shape and the weights of the checkpoint. What trained it, the objective
        and the optimizer, is that of the constructor unless given.

        Args:
            checkpoint_path: the ``.ckpt``.
            map_location: Lightning's own, as the following ones.
            hparams_file: not used: all is in the checkpoint.
            strict: whether all weights must be there.
            weights_only: whether nothing but tensors and plain data is read.
            **settings: arguments of the constructor.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or not this project's.
        """
        path = os.fspath(checkpoint_path)
        settings = {"network": path, **settings}
        return super().load_from_checkpoint(
            path, map_location, hparams_file, strict, weights_only, **settings
        )

    @override
    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5) -> Tensor:
        return self.running()(img0, img1, timestep)

    def running(self) -> Interpolator:
        """What makes the frames now."""
        return self._ready[0] if self._ready else Interpolator(self.network)

    def ready(self, network: RIFE) -> Interpolator:
        """A network in the runtime and precision that test; it is copied where they are others."""
        if (self.runtime, self.precision) == ("torch", "auto"):
            return Interpolator(network)
        model = Interpolator(copy.deepcopy(network))
        return prepared(model, self.source, self.runtime, self.precision)

    @override
    def on_test_start(self) -> None:
        # Callbacks come first: the network has the shape and the weights that are tested.
        self._ready = [self.ready(self.network)]

    @override
    def on_test_end(self) -> None:
        self._ready = []

    @override
    def on_predict_start(self) -> None:
        self._ready = [self.ready(self.network)]

    @override
    def on_predict_end(self) -> None:
        self._ready = []

    @override
    def setup(self, stage: str) -> None:
        """Loads the dense network where training needs it, frozen and outside the checkpoint."""
        # not in `configure_model`: what is made there, DeepSpeed's stage 3 shares out
        if stage == "fit" and self.objective.needs_dense and not self._dense:
            refine = self.network.spec.refine is not None
            dense = load_network(str(self.dense_source), refine=refine).requires_grad_(False)
            self._dense.append(dense.to(self.trainer.strategy.root_device))

    @override
    def configure_model(self) -> None:
        """Shares the parameters out, if that is asked for."""
        if self.device_mesh is not None:  # of FSDP, which begins here
            share_out(self.network, self.device_mesh)

    @override
    def on_fit_start(self) -> None:
        self.network.train()  # it was loaded for inference

    @override
    def training_step(self, batch: Mapping[str, Any], batch_idx: int) -> Tensor:
        frames = batch["img0"], batch["img1"], batch["timestep"]
        gt = batch["gt"]
        output = self.network(*frames, gt=gt if self.objective.needs_teacher else None)
        dense = None
        if self.objective.needs_dense:
            with torch.no_grad():
                dense = self._dense[0](*frames)
        terms = self.objective(output, gt, dense)
        loss: Any = sum(terms.values())
        self.log("loss", loss, prog_bar=True)
        self.log_dict({f"loss/{name}": term for name, term in terms.items()})
        return loss

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        steps, passed = length(self.trainer)
        check_length(steps, self._begun, self.optimizer_spec)
        return self.optimizer_spec.build(self.network, steps, passed)

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[SPEC_KEY] = self.network.spec.to_dict()

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the shape of the checkpoint's network, which may have been pruned.

        Raises:
            ValueError: if it was not written by this project's ``fit``.
        """
        if SPEC_KEY not in checkpoint:
            raise ValueError(
                f"the checkpoint has no {SPEC_KEY!r}: it was not written by this project's fit; "
                "give network weights by --model.network instead of --ckpt_path"
            )
        self._begun = next((numbers["steps"] for numbers in recorded(checkpoint)), None)
        stretch(checkpoint, self.optimizer_spec)
        spec = RIFESpec.from_dict(checkpoint[SPEC_KEY])
        if spec != self.network.spec:
            self.network = RIFE(spec).to(self.device)


class BaselineModule(InterpolationModule):
    """Answers that need no network: they tell what a score is worth.

    Args:
        method: ``copy`` answers with the first frame, ``average`` with the mean of both.

    Raises:
        ValueError: for another method.
    """

    def __init__(self, method: str = "average") -> None:
        super().__init__()
        if method not in ("copy", "average"):
            raise ValueError(f"method is {method!r}; it must be 'copy' or 'average'")
        self.source = method
        self.network = None

    @override
    def forward(self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5) -> Tensor:
        if self.source == "copy":
            return img0
        # Frames are multiples of 1/255: on whole numbers, halves stay exact until they are rounded.
        return ((img0 + img1) * 255).round() / 510
