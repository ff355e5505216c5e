"""The job that finds the 8-bit ranges of a model on training frames, and what they cost."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.progress import track
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
from vfi.runtime.extras import required
from vfi.runtime.lean_layers import Range
from vfi.runtime.load import ranges_of
from vfi.runtime.openvino import OpenVINONetwork
from vfi.runtime.ranges import calibrated, harms, write_ranges

logger = logging.getLogger(__name__)

_JUDGED = 6  # pairs on which layers are told apart


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
    each output; what reads or makes flow and mask, sums, resizing and warping stay in float. The
    loss is that of OpenVINO itself on this processor. Where it is above the limit, the layers that
    do most harm stay in float, too: one, two, four, up to half of them.

    Args:
        model: a name or path, as for ``vfi.load_model``.
        train: where the frames come from that calibrate the ranges; crops of a multiple of 32.
        val: what the loss is measured on; not what calibrates. Frames of few sizes.
        pairs: how many pairs of frames.
        limit_db: most that 8 bits may cost in PSNR there.
        output: the file; beside the weights if not given, where the model finds it.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if OpenVINO is missing, a set has no frames, calibration would read what is
            measured, or 8 bits cost more than the limit; nothing is written then.
    """
    check_positive(pairs=pairs)
    required("openvino")
    check_calibration(train, val)
    path = Path(output) if output else ranges_of(model)
    writable_folder(path.parent)
    network = load_network(model)
    batches = calibration_batches(train, pairs, workers=0)
    frames = [(batch["img0"][:1], batch["img1"][:1]) for batch in batches]
    ranges = calibrated(network, frames)
    rows, kept = [], None
    exact = _psnr(network, val, {})
    for tried in _with_fewer(network, ranges, frames[:_JUDGED]):
        psnr = _psnr(network, val, tried)
        loss = exact - psnr
        rows.append({"layers in 8 bits": len(tried), "float": exact, "int8": psnr, "loss": loss})
        logger.info("%d of %d layers in 8 bits: %.3f dB lost", len(tried), len(ranges), loss)
        if loss <= limit_db:
            kept = tried
            break
    reporting.table(f"{model} in 8 bits", rows, "PSNR in OpenVINO")
    if kept is None:
        least = min(row["loss"] for row in rows)
        raise ValueError(
            f"8 bits cost {least:.3f} dB on {open_source(val).identity()['name']}, above limit_db "
            f"{limit_db}; nothing was written"
        )
    write_ranges(path, kept, digest(network.state_dict()))
    logger.info("wrote %s", path)


def _with_fewer(
    network: RIFE, ranges: Mapping[str, Range], frames: list[tuple[Tensor, Tensor]]
) -> Iterator[Mapping[str, Range]]:
    """The ranges of all layers, then without those that do most harm."""
    yield ranges
    console = Console(stderr=True)
    found = harms(network, ranges, frames)
    harm = dict(track(found, "harm", total=len(ranges), console=console, transient=True))
    worst = sorted(harm, key=harm.__getitem__, reverse=True)
    left = 1
    while left <= len(worst) // 2:
        logger.info("left in float: %s", ", ".join(worst[:left]))
        yield {name: ranges[name] for name in ranges if name not in worst[:left]}
        left *= 2


def _psnr(network: RIFE, val: ValData, ranges: Mapping[str, Range]) -> float:
    """PSNR in dB of the network in OpenVINO, in 8 bits where it has ranges."""
    compiled = OpenVINONetwork(network, "int8" if ranges else "float32", ranges=ranges)

    def model(img0: Tensor, img1: Tensor, timestep: Tensor) -> Tensor:
        return compiled(img0, img1, timestep).frame

    return fmean(row["psnr"] for row in score_set(model, open_source(val), names=("psnr",)))
