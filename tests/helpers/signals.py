"""Clips whose pixels or tones are known, and what is found of them in a file."""

from pathlib import Path

import av
import numpy as np

TONES = (300, 500, 700, 60, 1100, 1300, 1500, 1700)  # hertz; the fourth is for the deep speaker


def planes(path: Path) -> list[np.ndarray]:
    """The luma of every frame."""
    with av.open(str(path)) as container:
        return [
            np.frombuffer(memoryview(frame.planes[0]), np.uint8)
            .reshape(-1, frame.planes[0].line_size)[: frame.height, : frame.width]
            .copy()
            for frame in container.decode(video=0)
        ]


def raw(path: Path, frames: list[np.ndarray], pix_fmt: str, codec: str = "ffv1", **context) -> Path:
    """Encodes planes of luma; chroma, if any, is gray."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        height, width = frames[0].shape
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for number, luma in enumerate(frames):
            frame = av.VideoFrame(width, height, pix_fmt)
            for index, plane in enumerate(frame.planes):
                codes = np.frombuffer(memoryview(plane), luma.dtype)
                codes = codes.reshape(-1, plane.line_size // luma.itemsize)
                if index:
                    codes[:] = 128 if luma.itemsize == 1 else 512
                else:
                    codes[: luma.shape[0], : luma.shape[1]] = luma
            frame.pts = number
            for name, value in context.items():
                if name.startswith("color"):
                    setattr(frame, name, value)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def spoken(
    path: Path, codec: str, layout: str, rate: int = 48_000, clip: Path | None = None
) -> Path:
    """A clip with a tone of its own in every speaker."""
    channels = av.AudioLayout(layout).nb_channels
    time = np.arange(rate) / rate
    waves = np.stack([0.2 * np.sin(2 * np.pi * tone * time) for tone in TONES[:channels]], 1)
    with av.open(str(path), "w") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = output.add_stream(codec, rate=rate, layout=layout)
        for number in range(25):
            frame = av.VideoFrame(32, 32, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([16 + 8 * number]) * plane.buffer_size)
            frame.pts = number
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(waves, np.float32).reshape(1, -1), "flt", layout
        )
        frame.sample_rate, frame.pts = rate, 0
        kind = audio.codec_context.codec.audio_formats[0].name
        size = audio.codec_context.frame_size or 1024
        resampler = av.AudioResampler(kind, layout, rate, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(audio.encode(piece))
        output.mux(audio.encode(None))
    return path


def heard(path: Path) -> tuple[str, list[int], float]:
    """The speakers, the loudest tone of each, and the length in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("flt", stream.layout.name, 48_000)
        frames = [f for frame in container.decode(stream) for f in resampler.resample(frame)]
        frames += resampler.resample(None)
        wave = np.concatenate([f.to_ndarray() for f in frames], 1).reshape(-1, stream.channels).T
    tones = [int(np.abs(np.fft.rfft(channel[8000:32_000])).argmax() * 2) for channel in wave]
    return stream.layout.name, tones, wave.shape[1] / 48_000


def remuxed(clip: Path, path: Path, **tags: str) -> Path:
    """The pictures of a clip in another file, with tags of the stream."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        stream.metadata.update(tags)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return path
