"""Weights in and out: files, the pretrained registry, ready-made models."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vfi.checkpoints import registry
from vfi.checkpoints.formats import Checkpoint, read, write
from vfi.models import RIFE, Interpolator, Options
from vfi.models.device import usable

__all__ = ["available_models", "load_model", "load_network", "save_network"]

_SUFFIXES = (".pkl", ".pth", ".pt", ".ckpt", ".safetensors")


def available_models() -> list[str]:
    """The names that `load_model` knows; ``vfi models`` tells more of each."""
    return registry.names()


def load_network(
    source: str | os.PathLike[str],
    refine: bool = True,
    teacher: bool = False,
    warp_at_scale: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> RIFE:
    """A pretrained network on the CPU, float32, in eval mode.

    Args:
        source: a name of the registry (``rife_v4.0``, or a file of ``checkpoints/`` without its
            suffix), or the path of the authors' ``.pkl``, of a Lightning ``.ckpt`` or of a
            safetensors file of this project.
        refine: keep the refine stage, if there is one.
        teacher: keep the training-only teacher block.
        warp_at_scale: whether coarse estimates are warped at their own resolution, see
            `vfi.models.RIFESpec`; None leaves that as it was saved.
        options: further changes to the saved network by name, e.g. ``{"finest_scale": 2}``; see
            `vfi.models.Options`. They go before ``refine`` and ``warp_at_scale``, and are saved
            with the network.

    Raises:
        FileNotFoundError: if there is no file at the path.
        ValueError: if the name is unknown, its weights cannot be had, the file is damaged or not
            the weights of a RIFE network, has no teacher though one is asked for, or cannot be
            changed as asked.
    """
    changes = Options.from_dict(
        {"refine": refine, "warp_at_scale": warp_at_scale, **(options or {})}
    )
    return _checkpoint(source).build(teacher, changes)


def load_model(
    source: str | os.PathLike[str],
    device: str | torch.device | None = None,
    options: Mapping[str, Any] | None = None,
) -> Interpolator:
    """A model ready for inference in torch; `vfi.load_model` tells all, and knows other runtimes.

    Args:
        source: as for `load_network`.
        device: where to put it; the CPU if None.
        options: as for `load_network`.

    Raises:
        FileNotFoundError: as `load_network`.
        ValueError: as `load_network`; or if there is no such device.
    """
    place = usable(str(device)) if device is not None else torch.device("cpu")
    checkpoint = _checkpoint(source)
    info = {"source": str(source), **checkpoint.metadata, "card": registry.card(str(source))}
    network = checkpoint.build(False, Options.from_dict(options or {}))
    model = Interpolator(network, info)
    return model.eval().requires_grad_(False).to(place)


def save_network(network: RIFE, path: str | os.PathLike[str], **metadata: object) -> None:
    """Saves a network and its spec as safetensors, atomically, in the precision it has.

    Args:
        network: any RIFE, pruned or not.
        path: the file to write, replaced if it exists.
        metadata: free text to keep with it, e.g. ``name``, ``parent``, ``licence``.

    Raises:
        ValueError: if the weights are not finite, do not fit ``network.spec`` (masks or other
            parametrisations must be removed first), or ``path`` cannot be written.
    """
    texts = {key: str(value) for key, value in metadata.items()}
    write(Checkpoint(network.spec, network.state_dict(), texts), path)


def _checkpoint(source: str | os.PathLike[str]) -> Checkpoint:
    path = Path(source)
    is_name = isinstance(source, str) and path.name == source and path.suffix not in _SUFFIXES
    if source in registry.names() or (is_name and not path.exists()):
        return registry.load(str(source))
    return read(path)
