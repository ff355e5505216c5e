"""The circumstances that figures were measured in."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    *("torch", "lightning", "torchmetrics", "kornia", "numpy", "opencv-python-headless", "av"),
    *("openvino", "onnx", "onnxruntime"),
)
"""Whose versions may change a figure."""

_INSTRUCTIONS = (
    *("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16", "sve", "sme"),
)
"""Those that decide which precision is fast, as Linux spells them."""


def environment() -> dict[str, Any]:
    """What the figures of a run depend on besides its configuration.

    Never fails: what cannot be found out is None.

    Returns:
        ``python``, ``platform``, ``packages`` (name: version), ``cpu`` (model, cores, capability,
        instructions; None where nothing tells),
        ``threads`` of torch, ``gpus`` (names) and ``git`` (``commit``, ``dirty``; None outside of
        a checkout).
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": {
            "model": _cpu_model(),
            "cores": os.cpu_count(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "instructions": instructions(),
        },
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "git": _git(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        return platform.processor() or None
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or None


def instructions() -> list[str] | None:
    """Those of this processor that make a precision fast; None where nothing tells."""
    told: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    found = {name for name, there in told.items() if there is True}
    if "avx512_f" in found:
        found.add("avx512f")
    with contextlib.suppress(OSError):  # not Linux
        found |= set(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split())
    return [name for name in _INSTRUCTIONS if name in found] if found else None


def _git() -> dict[str, Any] | None:
    """The commit of the checkout that this file is tracked in, and whether files differ from it."""
    here = Path(__file__).resolve()

    def run(*arguments: str) -> str:
        command = ["git", "-C", str(here.parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        # An installed copy may lie inside somebody else's repository without belonging to it.
        run("ls-files", "--error-unmatch", here.name)
        status = run("status", "--porcelain", "--untracked-files=no")
        return {"commit": run("rev-parse", "HEAD"), "dirty": bool(status)}
    except (OSError, subprocess.SubprocessError):
        return None
