"""The job that writes a model as a file for other programs."""

import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from vfi import reporting
from vfi._about import __version__
from vfi.checkpoints import load_model
from vfi.files import sha256, writable_folder
from vfi.measure.conditions import parse_size
from vfi.runtime.export import FORMATS, OPSETS, TOLERANCE, Parity, compared, export_int8
from vfi.runtime.export import export as write
from vfi.runtime.load import MEAN_ERROR, ranges_for

logger = logging.getLogger(__name__)


def export(
    model: str = "rife-fast",
    format: Literal["onnx", "openvino", "torch"] = "onnx",
    precision: Literal["float32", "int8"] = "float32",
    output: str | None = None,
    opset: int = 17,
    size: str = "640x480",
) -> None:
    """Writes a model for ONNX Runtime, OpenVINO or torch.export: any frame size, any timestep.

    The file is opened again and compared with torch at two sizes; one that differs is not kept.
    What it takes and gives, its parity, hash and licence are in ``<output>.json``.

    Args:
        model: a name or path, as for ``vfi.load_model``.
        format: onnx, openvino (.xml, with a .bin beside it) or torch (.pt2, whose frames have sides
            that are multiples of the network's stride).
        precision: float32; for bfloat16, compile the openvino file with that precision hint. int8
            is openvino's, the lean form in the model's 8-bit ranges, for frames of one size.
        output: the file; ``<model>`` with the format's ending, here, if not given.
        opset: of ONNX, 16 to 19.
        size: of the frames of an int8 file, WIDTHxHEIGHT in pixels.

    Raises:
        FileNotFoundError: if there is no such model.
        ValueError: if the output cannot be written or the file's frames are not torch's.
    """
    path = Path(output or f"{Path(model).stem}{FORMATS[format]}")
    width, height = parse_size(size)
    only = (height, width) if precision == "int8" else None
    _check(path, format, precision, opset)
    loaded = load_model(model)
    with tempfile.TemporaryDirectory(dir=writable_folder(path.parent), prefix=".export") as name:
        made = Path(name) / path.name
        if only:
            export_int8(loaded.network, only, ranges_for(loaded.network, model), made)
        else:
            write(loaded.network, format, made, opset)
        parity = compared(loaded.network, format, made, only)
        _judge(parity, format, precision)
        stride = loaded.spec.stride() if format == "torch" else 1
        about = {
            "model": model,
            "format": format,
            "precision": precision,
            **({"opset": opset} if format == "onnx" else {}),
            **_interface(loaded.spec.arbitrary_timestep, only, stride),
            "parity": [asdict(outcome) for outcome in parity],
            "sha256": {file.name: sha256(file) for file in sorted(Path(name).iterdir())},
            "licence": loaded.info.get("licence", "unknown"),
            "vfi": __version__,
        }
        reporting.write_json(about, made.with_name(f"{path.name}.json"))
        for file in Path(name).iterdir():
            file.replace(path.parent / file.name)
    worst = max(outcome.largest for outcome in parity)
    logger.info("wrote %s; largest difference to torch %.1e", path, worst)


def _check(path: Path, format: str, precision: str, opset: int) -> None:
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; give the path of a file")
    if path.suffix != FORMATS[format]:
        raise ValueError(f"output is {path}; a file of format {format} ends in {FORMATS[format]}")
    if precision == "int8" and format != "openvino":
        raise ValueError(f"precision is int8; format {format} has float32, openvino has both")
    if opset not in OPSETS:
        raise ValueError(f"opset is {opset}; choose from {', '.join(map(str, OPSETS))}")


def _judge(parity: list[Parity], format: str, precision: str) -> None:
    """Raises ValueError if frames are too far from torch's: one value, in 8 bits their mean."""
    if precision == "int8":
        worst, limit = max(outcome.mean for outcome in parity), MEAN_ERROR
    else:
        worst, limit = max(outcome.largest for outcome in parity), TOLERANCE
    if not worst <= limit:
        raise ValueError(
            f"the {format} file's frames differ from torch's by {worst:.2g}, more than "
            f"{limit}; nothing was written"
        )


def _interface(timed: bool, size: tuple[int, int] | None, stride: int) -> dict[str, Any]:
    sides = size or ("height", "width")
    frames = {
        "name": "frames",
        "shape": [2, 3, *sides],
        "type": "float32",
        "layout": "frame 0 and frame 1; RGB; rows; columns",
        "range": [0, 1],
    }
    timestep = {"name": "timestep", "shape": [1], "type": "float32", "range": [0, 1]}
    return {
        "inputs": [frames, timestep] if timed else [frames],
        "output": {**frames, "name": "frame", "shape": [1, 3, *sides], "layout": "RGB"},
        "stride": stride,
    }
