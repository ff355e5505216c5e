"""The job that writes a model as a file for other programs."""

import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from vfi._about import __version__
from vfi.checkpoints import load_model
from vfi.files import sha256, writable_folder
from vfi.runtime.export import FORMATS, OPSETS, TOLERANCE, Parity, compared
from vfi.runtime.export import export as write

logger = logging.getLogger(__name__)


def export(
    model: str = "rife-fast",
    format: Literal["onnx", "openvino"] = "onnx",
    precision: Literal["float32"] = "float32",
    output: str | None = None,
    opset: int = 17,
) -> None:
    """Writes a model for ONNX Runtime or OpenVINO: any frame size, any timestep.

    The file is opened again and compared with torch at two sizes; one that differs is not kept.
    What it takes and gives, its parity, hash and licence are in ``<output>.json``.

    Args:
        model: a name or path, as for ``vfi.load_model``.
        format: onnx, or openvino (.xml, with a .bin beside it).
        precision: float32; for bfloat16, compile the openvino file with that precision hint.
        output: the file; ``<model>.onnx`` or ``<model>.xml`` here if not given.
        opset: of ONNX, 16 to 19.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if the output cannot be written or the file's frames are not torch's.
    """
    path = Path(output or f"{Path(model).stem}{FORMATS[format]}")
    _check(path, format, opset)
    loaded = load_model(model)
    with tempfile.TemporaryDirectory(dir=writable_folder(path.parent), prefix=".export") as name:
        made = Path(name) / path.name
        write(loaded.network, format, made, opset)
        parity = compared(loaded.network, format, made)
        worst = max(outcome.largest for outcome in parity)
        if not worst <= TOLERANCE:
            raise ValueError(
                f"the {format} file's frames differ from torch's by {worst:.2g}, more than "
                f"{TOLERANCE}; nothing was written"
            )
        about = {
            "model": model,
            "format": format,
            "precision": precision,
            **({"opset": opset} if format == "onnx" else {}),
            **_interface(loaded.spec.arbitrary_timestep),
            "parity": _shown(parity),
            "sha256": {file.name: sha256(file) for file in sorted(Path(name).iterdir())},
            "licence": loaded.info.get("licence", "unknown"),
            "vfi": __version__,
        }
        text = json.dumps(about, indent=1) + "\n"
        made.with_name(f"{path.name}.json").write_text(text, encoding="utf-8")
        for file in Path(name).iterdir():
            file.replace(path.parent / file.name)
    logger.info("wrote %s; largest difference to torch %.1e", path, worst)


def _check(path: Path, format: str, opset: int) -> None:
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; give the path of a file")
    if path.suffix != FORMATS[format]:
        raise ValueError(f"output is {path}; a file of format {format} ends in {FORMATS[format]}")
    if opset not in OPSETS:
        raise ValueError(f"opset is {opset}; choose from {', '.join(map(str, OPSETS))}")


def _interface(timed: bool) -> dict[str, Any]:
    frames = {
        "name": "frames",
        "shape": [2, 3, "height", "width"],
        "type": "float32",
        "layout": "frame 0 and frame 1; RGB; rows; columns",
        "range": [0, 1],
    }
    timestep = {"name": "timestep", "shape": [1], "type": "float32", "range": [0, 1]}
    return {
        "inputs": [frames, timestep] if timed else [frames],
        "output": {**frames, "name": "frame", "shape": [1, 3, "height", "width"], "layout": "RGB"},
        "stride": 1,
    }


def _shown(parity: list[Parity]) -> list[dict[str, float]]:
    return [asdict(outcome) for outcome in parity]
