"""What was tested, so that a figure belongs to a file, a shape and a way of computing."""

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from vfi.checkpoints.formats import digest
from vfi.files import sha256
from vfi.models import RIFE, RIFESpec
from vfi.runtime.ways import EAGER, described


def tested(trainer: Trainer, pl_module: Any) -> dict[str, Any]:
    """Names the network under test.

    Returns:
        ``name`` (the checkpoint, or the network's name), ``file`` and ``file_sha256`` (None where
        it has a name of the registry), ``weights_sha256`` and ``shape`` in words (None without a
        network), ``refine``, ``precision`` and ``runtime``.
    """
    network: RIFE | None = getattr(pl_module, "network", None)
    name = str(trainer.ckpt_path or pl_module.source)
    file = Path(name) if Path(name).is_file() else None
    facts: dict[str, Any] = {
        "name": name,
        "file": str(file) if file else None,
        "file_sha256": sha256(file) if file else None,
        "weights_sha256": None,
        "shape": None,
        "refine": None,
        "precision": str(trainer.precision),
        "runtime": f"torch eager, {pl_module.device.type}",
    }
    if network is None:  # a baseline that is none
        return facts
    how = described(pl_module.running())
    if how != EAGER:
        facts["precision"] = how["precision"]
        facts["runtime"] = f"{how['runtime']}, {pl_module.device.type}"
    facts["weights_sha256"] = digest(network.state_dict())
    facts["shape"] = in_words(network.spec)
    facts["refine"] = network.spec.refine is not None
    return facts


def in_words(spec: RIFESpec) -> str:
    """The shape of a network: its variant, widths of its blocks, and what is switched off."""
    widths = "/".join(str(block.trunk) for block in spec.blocks)
    parts = [spec.variant, f"blocks of {widths}", "refine" if spec.refine else "no refine"]
    return ", ".join([*parts, *(["warps at scale"] if spec.warp_at_scale else [])])
