"""The job that finds the 8-bit ranges of a model on training frames, and what they cost."""

import logging
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from vfi import reporting
from vfi.checkpoints import load_network
from vfi.checkpoints.formats import digest
from vfi.data.calibration import calibration_batches
from vfi.data.overlap import check_calibration
from vfi.data.sources import TrainData, ValData, open_source
from vfi.files import writable_folder
from vfi.measure.conditions import check_positive
from vfi.measure.protocol import score_set
from vfi.models import RIFE
from vfi.runtime.lean_layers import Range
from vfi.runtime.lean_network import LeanRIFE
from vfi.runtime.load import ranges_of
from vfi.runtime.ranges import apply_ranges, calibrated, write_ranges

logger = logging.getLogger(__name__)


def quantize(
    model: str = "rife-fast",
    train: TrainData = TrainData(),  # noqa: B008 (frozen)
    val: ValData = ValData(),  # noqa: B008 (frozen)
    pairs: int = 30,
    limit_db: float = 0.1,
    output: str | None = None,
) -> None:
    """Finds the ranges in which a model's layers run in 8 bits (OpenVINO), and writes them.

    Every learnt convolution over features or frames runs in 8 bits, its weights with a step for
    each output; what reads or makes flow and mask, sums, resizing and warping stay in float.

    Args:
        model: a name or path, as for ``vfi.load_model``.
        train: where the frames come from that calibrate the ranges; crops of a multiple of 32.
        val: what the loss is measured on; not what calibrates. Frames of one size.
        pairs: how many pairs of frames.
        limit_db: most that 8 bits may cost in PSNR there.
        output: the file; beside the weights if not given, where the model finds it.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if a set has no frames, calibration would read what is measured, or 8 bits cost
            more than the limit; nothing is written then.
    """
    check_positive(pairs=pairs)
    check_calibration(train, val)
    path = Path(output) if output else ranges_of(model)
    writable_folder(path.parent)
    network = load_network(model)
    batches = calibration_batches(train, pairs, workers=0)
    ranges = calibrated(network, ((b["img0"][:1], b["img1"][:1]) for b in batches))
    scores = {label: _psnr(network, val, kept) for label, kept in (("float", {}), ("int8", ranges))}
    loss = scores["float"] - scores["int8"]
    reporting.table(f"{model}: {len(ranges)} layers in 8 bits", [{**scores, "loss": loss}])
    if loss > limit_db:
        raise ValueError(
            f"8 bits cost {loss:.3f} dB on {open_source(val).identity()['name']}, above limit_db "
            f"{limit_db}; nothing was written"
        )
    write_ranges(path, ranges, digest(network.state_dict()))
    logger.info("wrote %s", path)


def _psnr(network: RIFE, val: ValData, ranges: dict[str, Range]) -> float:
    """PSNR in dB of the lean form, in 8 bits where it has ranges."""
    forms: dict[tuple[int, int], LeanRIFE] = {}

    def model(img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        size = img0.shape[-2], img0.shape[-1]
        if size not in forms:
            forms[size] = LeanRIFE(network, *size)
            apply_ranges(forms[size], ranges)
        return forms[size](torch.cat((img0, img1)), timestep.float())

    return fmean(row["psnr"] for row in score_set(model, open_source(val), names=("psnr",)))
