"""What an encoder's presets cost and give: processor time, size and PSNR of real frames.

``python -m tests.video.presets <clips> --output presets.json`` encodes the first frames of some
clips, 640x360, with each codec's settings as `vfi interpolate` has them.
"""

import argparse
import io
import time
from pathlib import Path

import av
import cv2
import numpy as np

from tests.helpers.measured import tell
from vfi import reporting
from vfi.video.write.codecs import ENCODERS, encoder_options

SIZE = (640, 360)
CLIPS = ("bikes", "bear", "01_dog", "bigbuckbunny", "baby_balloon", "aquarium")
TRIED = {
    "h264": ("medium", "fast", "faster", "veryfast"),
    "h265": ("medium", "fast", "faster", "veryfast"),
    "vp9": ("3", "5", "7"),
    "av1": ("8", "10", "12"),
}


def frames(path: Path, count: int) -> list[np.ndarray]:
    """Frames as planar 4:2:0, ``(3 * H / 2, W)``."""
    with av.open(str(path)) as container:
        decoded = zip(range(count), container.decode(video=0), strict=False)
        return [
            frame.reformat(*SIZE, "yuv420p", interpolation="BICUBIC").to_ndarray()
            for _, frame in decoded
        ]


def encoded(clip: list[np.ndarray], codec: str, preset: str) -> dict[str, float]:
    """Milliseconds of processor time a frame, megabits a second, luma's PSNR in dB."""
    memory = io.BytesIO()
    start = time.process_time()
    with av.open(memory, "w", format="matroska") as output:
        options = encoder_options(codec, None, preset)
        stream = output.add_stream(ENCODERS[codec].name, rate=48, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for image in clip:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "yuv420p")))
        output.mux(stream.encode(None))
    took = time.process_time() - start
    size = len(memory.getvalue())
    memory.seek(0)
    with av.open(memory) as container:
        decoded = [frame.to_ndarray() for frame in container.decode(video=0)]
    luma = slice(0, SIZE[1])
    psnr = [cv2.PSNR(a[luma], b[luma]) for a, b in zip(clip, decoded, strict=True)]
    return {
        "cpu_ms": 1e3 * took / len(clip),
        "mbit": 8e-6 * 48 * size / len(clip),
        "psnr": float(np.mean(psnr)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--frames", type=int, default=60, help="of each clip")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    clips = [frames(args.clips / f"{name}.mp4", args.frames) for name in CLIPS]
    rows = []
    for codec, presets in TRIED.items():
        for preset in presets:
            found = [encoded(clip, codec, preset) for clip in clips]
            means = {key: float(np.mean([each[key] for each in found])) for key in found[0]}
            rounded = {key: round(value, 2) for key, value in means.items()}
            rows.append({"codec": codec, "preset": preset, **rounded})
    setting = {"size": "{}x{}".format(*SIZE), "frames": args.frames, "clips": CLIPS}
    tell({**setting, "rows": rows, "environment": reporting.environment()}, args.output)


if __name__ == "__main__":
    main()
