"""Strategies under which no process holds all: FSDP, torch's ``fully_shard``, and DeepSpeed."""

import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.accelerators import CUDAAccelerator
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from typing_extensions import override


class FullySharded(ModelParallelStrategy):
    """Lightning's strategy for FSDP, whose checkpoints, folders, are whole or not there.

    Parameters are shared out in each node, and the nodes hold the same.
    """

    @override
    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        filepath: str | os.PathLike[str],
        storage_options: Any | None = None,
    ) -> None:
        """Writes a folder beside the target, a file a process, and renames it."""
        path = Path(self.broadcast(str(filepath)))
        new, old = (path.with_name(f".{path.name}.{word}") for word in ("new", "old"))
        if self.is_global_zero:
            for left in (new, old):
                shutil.rmtree(left, ignore_errors=True)
        self.barrier()
        super().save_checkpoint(checkpoint, new, storage_options)
        self.barrier()
        if self.is_global_zero:
            if path.exists():
                path.replace(old)
            new.replace(path)
            self.remove_checkpoint(old)
        self.barrier()

    @override
    def remove_checkpoint(self, filepath: str | os.PathLike[str]) -> None:
        if self.is_global_zero:
            shutil.rmtree(filepath, ignore_errors=True)


class DeepSpeed(DeepSpeedStrategy):
    """Lightning's strategy for DeepSpeed, which works on the CPU, too: Lightning refuses that.

    There, gloo connects the processes.
    """

    @property
    @override
    def root_device(self) -> torch.device:
        """DeepSpeed wants a number of each device, also where there is one for all."""
        return super().root_device if self._on_cuda else torch.device("cpu", self.local_rank)

    @override
    def setup_environment(self) -> None:
        """What Lightning's does, without asking for CUDA."""
        if self._on_cuda:
            return super().setup_environment()
        os.environ["DS_ACCELERATOR"] = "cpu"
        return DDPStrategy.setup_environment(self)

    @override
    def setup_distributed(self) -> None:
        """Connects the processes; DeepSpeed takes the connection that is there."""
        if self._on_cuda:
            return super().setup_distributed()
        import deepspeed

        DDPStrategy.setup_distributed(self)
        deepspeed.init_distributed()

    @property
    def _on_cuda(self) -> bool:
        return isinstance(self.accelerator, CUDAAccelerator)


def share_out(network: nn.Module, mesh: DeviceMesh) -> None:
    """Shares the parameters of a network out, block by block.

    Args:
        network: the hooks of its forward pass gather what it needs.
        mesh: of nodes and of processes in each.
    """
    for part in [*network.children(), network]:
        if next(part.parameters(), None) is not None:
            fully_shard(part, mesh=mesh)
    # nothing here changes a block's output in place, which is what that warns of
    warnings.filterwarnings("ignore", message=".*FSDP2-wrapped module.*returned a view")


def whole(tensor: Tensor) -> Tensor:
    """A tensor of which each process may hold a part; all must call this together."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def parameters_of(module: nn.Module) -> nn.Module:
    """A module of copies of another's parameters, by the same names and in their order.

    Copying the module itself is not possible once its parameters are shared out.
    """
    copy = nn.Module()
    for name, parameter in module.named_parameters():
        *path, leaf = name.split(".")
        place = copy
        for part in path:
            if part not in place._modules:
                place.add_module(part, nn.Module())
            place = place.get_submodule(part)
        place.register_parameter(leaf, nn.Parameter(parameter.detach().clone()))
    return copy


def check_sharing(command: str, trainer: Mapping[str, Any], ckpt_path: str | None = None) -> None:
    """Refuses what cannot be done where parameters are shared out, before anything is started.

    Args:
        command: fit, validate, test or predict.
        trainer: the trainer's options, as plain data.
        ckpt_path: what the command is to begin from.

    Raises:
        ValueError: with what to do instead.
    """
    strategy = str(trainer.get("strategy") or "").lower()
    if "deepspeed" in strategy:
        _check_deepspeed(command, strategy)
    elif any(name in strategy for name in ("fsdp", "fullysharded", "modelparallel")):
        _check_fsdp(command, strategy)
    else:
        return
    name = "DeepSpeed" if "deepspeed" in strategy else "FSDP"
    for callback in trainer.get("callbacks") or []:
        arguments = callback.get("init_args") or {}
        if "ChannelPruning" in str(callback.get("class_path")) and arguments.get("mode") == "mask":
            raise ValueError(
                f"pruning with mode mask does not work under {name}, which keeps the weights in "
                "places of its own; use mode compact, or -c strategy/ddp.yaml"
            )
    if command == "fit" and ckpt_path and name == "FSDP":
        raise ValueError(
            "under FSDP a training cannot go on from a checkpoint: give --ckpt_path null, and as "
            "--model.network the checkpoint, whose weights are then trained further"
        )


def _check_deepspeed(command: str, strategy: str) -> None:
    if "vfi.training" not in strategy and not torch.cuda.is_available():
        raise ValueError(
            "trainer.strategy is DeepSpeed of Lightning, which needs CUDA devices, and there is "
            "none here; use -c strategy/ddp.yaml (--trainer.strategy ddp), or "
            "-c strategy/deepspeed_2.yaml, which works on the CPU, too"
        )
    if command != "fit" and any(f"stage{mark}3" in strategy for mark in ("_", "': ")):
        raise ValueError(
            f"{command} does not work under DeepSpeed's stage 3, where no process has the whole "
            "network; use -c strategy/ddp.yaml, which gives the figures of one process"
        )


def _check_fsdp(command: str, strategy: str) -> None:
    if "fullysharded" not in strategy:
        raise ValueError("Lightning's own FSDP is not used here; give -c strategy/fsdp.yaml")
    if command != "fit":
        raise ValueError(
            f"{command} does not work under FSDP, where no process has the whole network; use "
            "-c strategy/ddp.yaml, which gives the figures of one process"
        )
