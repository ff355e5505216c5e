"""The job that tells what this machine can do: what to paste into a bug report."""

import importlib.metadata
import importlib.util
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch

from vfi import reporting
from vfi._about import DISTRIBUTION, __version__
from vfi.checkpoints import load_model, registry
from vfi.files import writable_folder
from vfi.measure.quality import psnr

RUNTIMES = ("openvino", "onnxruntime", "deepspeed", "lightning")
_SIZE = 128
_SHIFT = 4


def doctor(json: bool = False) -> None:
    """Tells versions, processor, devices and runtimes, and makes one frame to see that it works.

    Args:
        json: as JSON.
    """
    found = {**_machine(), **_self_test()}
    if json:
        sys.stdout.write(reporting.as_json(found))
    else:
        reporting.table("vfi doctor", [found])


def _machine() -> dict[str, Any]:
    """What is there."""
    circumstances = reporting.environment()
    cpu, packages = circumstances["cpu"], circumstances["packages"]
    features = _features()
    gpus = ", ".join(circumstances["gpus"]) or "none"
    runtimes = [f"{name} {version}" for name in RUNTIMES if (version := _version(name))]
    return {
        "vfi": f"{__version__} ({DISTRIBUTION})",
        "python": circumstances["python"],
        "platform": circumstances["platform"],
        "packages": ", ".join(f"{k} {v}" for k, v in packages.items() if v and k not in RUNTIMES),
        "processor": f"{cpu['model']}, {cpu['cores']} cores",
        "instructions": str(cpu["capability"]),
        "AVX-512 bf16": features["bf16"],
        "VNNI": features["vnni"],
        "threads": circumstances["threads"],
        "CUDA": gpus,
        "runtimes": ", ".join(runtimes) or "torch alone",
        "cache": _cache(),
    }


def _features() -> dict[str, str]:
    """Whether the processor multiplies small types; unknown where nothing tells."""
    told: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    names = {"bf16": "avx512_bf16", "vnni": "avx512_vnni"}
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # not Linux
        flags = []
    result = {}
    for key, name in names.items():
        if name in told:
            result[key] = "yes" if told[name] else "no"
        else:
            result[key] = ("yes" if name in flags else "no") if flags else "unknown"
    return result


def _version(package: str) -> str | None:
    if importlib.util.find_spec(package) is None:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _cache() -> str:
    """Where fetched weights go, and whether that works."""
    folder = registry.cache_folder()
    try:
        writable_folder(folder)
    except ValueError as error:
        return str(error)
    held = sorted(path.name for path in folder.glob("[!.]*.safetensors"))
    return f"{folder}: {', '.join(held) or 'empty'}"


def _self_test() -> dict[str, str]:
    """Makes the frame in the middle of a moving pattern, by the smallest model."""
    lines = torch.arange(_SIZE + 2 * _SHIFT, dtype=torch.float32)
    waves = (lines[:, None] / 7).sin() + (lines / 5).sin() + ((lines[:, None] + lines) / 9).cos()
    pattern = (waves / 6 + 0.5).expand(1, 3, -1, -1)
    first, truth, second = (
        pattern[..., :_SIZE, shift : shift + _SIZE].contiguous()
        for shift in (0, _SHIFT, 2 * _SHIFT)
    )
    try:
        model = load_model("rife-tiny")
        with torch.inference_mode():
            model(first, second)
            start = time.perf_counter()
            made = model(first, second)
        seconds = time.perf_counter() - start
    except (ValueError, OSError, RuntimeError) as error:
        return {"self-test": f"failed: {error}"}
    gain = float(psnr(made, truth) - psnr((first + second) / 2, truth))
    works = math.isfinite(gain) and gain > 1
    verdict = "passed" if works else "failed"
    return {
        "self-test": f"{verdict}: a frame of {_SIZE}x{_SIZE} in {seconds * 1e3:.0f} ms, "
        f"{gain:+.1f} dB over the average of its neighbours"
    }
