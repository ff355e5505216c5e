"""What a job costs beside its network: CPU seconds with networks that cost nothing.

``python -m tests.video.job_costs --frames 150 --output costs.json`` makes 640x360 of a moving
background under still text twice as smooth: with the mean of both frames, and with one that drags
the text along, which has to be put back. It tells as well what memory that takes at most, of as
many frames and of four times as many.
"""

import argparse
import multiprocessing
import re
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from torch import Tensor, nn

from tests.helpers.measured import tell
from vfi import reporting
from vfi.allocator import keep_freed_memory
from vfi.video import interpolate_video

SIZE = (640, 360)


class Mean(nn.Module):
    """The mean of both frames, moved towards each other by so many pixels."""

    def __init__(self, move: int) -> None:
        super().__init__()
        self.move = move
        self.memory_format = torch.contiguous_format  # as where frames go into OpenVINO

    def forward(
        self, img0: Tensor, img1: Tensor, timestep: float | Tensor = 0.5, flow_scale: float = 1.0
    ) -> Tensor:
        return torch.lerp(img0.roll(-self.move, 3), img1.roll(self.move, 3), 0.5)


def write(path: Path, frames: int, size: tuple[int, int] = SIZE) -> Path:
    """Texture that moves by 4 pixels a frame under text that stands still, 24 frames a second."""
    width, height = size
    coarse = np.random.default_rng(0).integers(20, 200, (45, 160, 3)).astype(np.uint8)
    wide = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            start = 4 * number % width
            image = np.ascontiguousarray(wide[:, start : start + width])
            place = (width // 10, height * 5 // 6)
            cv2.putText(image, "Still 12", place, cv2.FONT_HERSHEY_SIMPLEX, 2.0, (255,) * 3, 6)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def cost(clip: Path, network: nn.Module, **settings: object) -> dict[str, float]:
    """CPU and wall seconds of a whole job."""
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = time.process_time(), time.perf_counter()
        summary = interpolate_video(clip, Path(folder) / "out.mp4", network, **settings)
        return {
            "frames": summary.frames_out,
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "seconds": round(time.perf_counter() - wall, 2),
        }


def peak_mib(process: int | str = "self") -> float:
    """The most memory that a process has had (Linux); `resource` counts its parent's, too."""
    return peak_told(Path(f"/proc/{process}/status").read_text(encoding="utf-8"))


def peak_told(status: str) -> float:
    """The same, from what Linux tells of a process."""
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def _peak(frames: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "in.mp4", frames)
        keep_freed_memory()
        cost(clip, Mean(2), preset="ultrafast")
    return round(peak_mib())


def peak(frames: int) -> float:
    """The most memory in MiB that a job of so many frames takes, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (frames,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    keep_freed_memory()  # as the command does
    with tempfile.TemporaryDirectory() as folder:
        clip = write(Path(folder) / "in.mp4", args.frames)
        found: dict[str, object] = {
            "mean": cost(clip, Mean(0)),
            "mean, still off": cost(clip, Mean(0), still="off"),
            "text dragged along": cost(clip, Mean(2)),
            "text dragged along, preset veryfast": cost(clip, Mean(2), preset="veryfast"),
        }
    found["peak memory, MiB"] = {frames: peak(frames) for frames in (args.frames, 4 * args.frames)}
    found["environment"] = reporting.environment()
    tell(found, args.output)


if __name__ == "__main__":
    main()
