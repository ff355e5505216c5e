"""What a network costs: parameters, FLOPs, size, latency, memory."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import track
from torch import nn

from vfi import reporting
from vfi.files import writable_folder
from vfi.measure.conditions import Conditions, Precision, check_positive
from vfi.measure.costs import efficiency
from vfi.measure.latency import compare_latency
from vfi.measure.memory import peak_memory_of
from vfi.models import RIFE, Interpolator
from vfi.models.device import usable
from vfi.runtime.compiled import CompiledNetwork
from vfi.runtime.load import load_named

_SHOWN = (
    *("model", "parameters", "macs", "flops", "weights_mib"),
    *("median_ms", "p90_ms", "fps", "speedup", "peak_memory_mib"),
)


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
        models: names or paths as for `vfi.load_model`, with ``@RUNTIME`` or ``@RUNTIME/PRECISION``
            behind them for other runtimes than torch: rife-fast@openvino/int8. The first is what
            the others compare to.
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
    check_positive(repeats=repeats)
    conditions = Conditions(height, width, threads, channels_last, precision, device)
    folder = writable_folder(output) if output else None
    networks = {name: load_named(name, usable(device), threads) for name in models}
    latencies = compare_latency(networks, conditions, warmup=warmup, repeats=repeats, progress=True)
    rows = []
    for name in track(models, "memory", console=Console(stderr=True), transient=True):
        memory = None if "@" in name else peak_memory_of(name, conditions)
        costs = asdict(efficiency(_plain(networks[name]), height, width))
        rows.append({"model": name, **costs, **asdict(latencies[name]), "peak_memory_mib": memory})
    _show(rows)
    if folder:
        reporting.write_json(
            {"models": rows, "environment": reporting.environment()}, folder / "benchmark.json"
        )
        reporting.write_csv(rows, folder / "benchmark.csv")


def _plain(model: Interpolator) -> RIFE:
    """The network itself, whatever runtime it is in."""
    network: nn.Module = model.network
    return network.network if isinstance(network, CompiledNetwork) else model.network


def _show(rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    layout = "channels_last" if first["channels_last"] else "contiguous"
    reporting.table(
        f"{first['width']}x{first['height']} pixels on {first['device']}",
        [{key: row[key] for key in _SHOWN} for row in rows],
        caption=f"{first['precision']}, {layout}, {first['threads']} threads, "
        f"{first['repeats']} interleaved rounds; speedup over {first['model']}",
    )
