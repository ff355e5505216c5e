"""What a network costs: parameters, FLOPs, size, latency, memory."""

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from rich.console import Console
from rich.progress import track
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vfi import report
from vfi.checkpoints import load_model
from vfi.files import writable_folder
from vfi.latency import Latency, check_positive, compare_latency
from vfi.memory import peak_memory_mib, peak_memory_of
from vfi.models import RIFE, Interpolator

__all__ = [
    "Efficiency",
    "Latency",
    "benchmark",
    "check_positive",
    "compare_latency",
    "efficiency",
    "flops",
    "parameters",
    "peak_memory_mib",
    "weights_mib",
]

TEACHER = "block_tea"
"""The training-only block: inference never runs it, so no figure here counts it."""

Precision = Literal["float32", "bfloat16", "float16"]
_MIB = 2**20


@dataclass(frozen=True)
class Efficiency:
    """What a network costs on any machine.

    Attributes:
        parameters: numbers that inference needs.
        macs: multiply-accumulate operations of the convolutions for one frame.
        flops: floating point operations, two for each MAC.
        weights_mib: size of the weights in the type they have.
    """

    parameters: int
    macs: int
    flops: int
    weights_mib: float


def parameters(network: nn.Module) -> int:
    """The number of parameters that inference needs: all but the teacher block's."""
    return sum(p.numel() for _, p in _inference_parameters(network))


def weights_mib(network: nn.Module) -> float:
    """The size in MiB of the weights that inference needs, in the type they have in memory.

    A file of them is as large, but for a header of some 20 KiB.
    """
    return sum(p.numel() * p.element_size() for _, p in _inference_parameters(network)) / _MIB


def flops(network: RIFE | Interpolator, height: int, width: int) -> int:
    """Floating point operations for one frame; two for each multiply-accumulate operation (MAC).

    As torch's flop counter has it: convolutions, transposed ones included, over the frame as
    padded to the network's stride. Their biases, and warping, resizing, activations and
    concatenation, are not counted, though they take a third of the time.

    Nothing is computed: the network is run on the meta device.

    Args:
        network: left as it is.
        height: of the frames, in pixels.
        width: likewise.
    """
    model = network if isinstance(network, Interpolator) else Interpolator(network)
    model = copy.deepcopy(model).to("meta")
    frame = torch.empty(1, 3, height, width, device="meta")
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(frame, frame)
    return counter.get_total_flops()


def efficiency(network: RIFE | Interpolator, height: int, width: int) -> Efficiency:
    """All machine-independent figures of a network, FLOPs at ``height`` x ``width`` pixels."""
    operations = flops(network, height, width)
    return Efficiency(parameters(network), operations // 2, operations, weights_mib(network))


def benchmark(
    models: list[str] = ["rife_v4.0"],  # noqa: B006  (never changed; shown as the CLI's default)
    height: int = 480,
    width: int = 640,
    threads: int | None = None,
    warmup: int = 3,
    repeats: int = 20,
    channels_last: bool = True,
    precision: Precision = "float32",
    device: str = "cpu",
    output: str | None = None,
) -> None:
    """Measures models against each other: size, FLOPs, latency and memory.

    Args:
        models: names or paths as for `vfi.load_model`; the first is what the others compare to.
        height: height of the frames in pixels.
        width: width of the frames in pixels.
        threads: torch's CPU threads; its default if not given.
        warmup: rounds before the measured ones.
        repeats: measured rounds; each calls every model once.
        channels_last: memory layout of weights and frames; true is faster on most machines.
        precision: the type convolutions run in; below float32 by autocast.
        device: cpu, cuda or cuda:N.
        output: folder for benchmark.json and benchmark.csv; nothing is written if not given.

    Raises:
        FileNotFoundError: if a path holds no file.
        ValueError: if models are unknown or named twice, or a number is out of range.
    """
    if len(set(models)) != len(models) or not models:
        raise ValueError(f"models must be one or more different names, got {models}")
    check_positive(height=height, width=width, repeats=repeats, threads=threads)
    folder = writable_folder(output) if output else None
    networks = {name: load_model(name, usable(device)) for name in models}
    autocast = None if precision == "float32" else getattr(torch, precision)
    conditions = {"threads": threads, "channels_last": channels_last, "autocast": autocast}
    latencies = compare_latency(
        networks, height, width, warmup=warmup, repeats=repeats, progress=True, **conditions
    )
    rows = []
    for name in track(models, "memory", console=Console(stderr=True), transient=True):
        memory = peak_memory_of(name, height, width, device=device, **conditions)
        costs = asdict(efficiency(networks[name], height, width))
        rows.append({"model": name, **costs, **asdict(latencies[name]), "peak_memory_mib": memory})
    _show(rows)
    if folder:
        report.write_json(
            {"models": rows, "environment": report.environment()}, folder / "benchmark.json"
        )
        report.write_csv(rows, folder / "benchmark.csv")


def _show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    layout = "channels_last" if first["channels_last"] else "contiguous"
    columns = ("parameters", "macs", "flops", "weights_mib")
    columns += ("median_ms", "p90_ms", "fps", "speedup", "peak_memory_mib")
    report.table(
        f"{first['width']}x{first['height']} pixels on {first['device']}",
        [{key: row[key] for key in ("model", *columns)} for row in rows],
        caption=f"{first['precision']}, {layout}, {first['threads']} threads, "
        f"{first['repeats']} interleaved rounds; speedup over {first['model']}",
    )


def usable(name: str) -> torch.device:
    """The device of that name, if this machine has it."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"cannot use the device {name!r}: {reason}; cpu always works") from error
    return device


def _inference_parameters(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in network.named_parameters():
        if TEACHER not in name.split("."):
            yield name, parameter
