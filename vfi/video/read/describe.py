"""What a file says of itself, for reports."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from vfi.video.read.media import open_video, tick, video_stream


@dataclass(frozen=True)
class Facts:
    """A video file, as any probe would describe it.

    Attributes:
        container: FFmpeg's name of the kind of file.
        codec: of the pictures.
        pixel_format: likewise.
        width: of a picture as stored, in pixels.
        height: likewise.
        duration: of the whole file, in seconds; None if it does not say.
        frames: pictures that are shown.
        rate: pictures a second in the mean, from the first's start to the last's end; None if
            there is but one.
        streams: the kind and the codec of each stream.
    """

    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    duration: float | None
    frames: int
    rate: float | None
    streams: list[str]


def describe(path: Path) -> Facts | None:
    """Reads a file's headers and the times of its pictures; None of what is no video file."""
    try:
        with open_video(path) as container:
            stream = video_stream(container, path)
            context, unit = stream.codec_context, tick(stream)
            streams = [
                f"{s.type} {s.codec_context.codec.canonical_name}" if s.codec_context else s.type
                for s in container.streams
            ]
            shown = [
                (time, packet.duration or 0)
                for packet in container.demux(stream)
                if packet.size and not packet.is_discard
                for time in (packet.pts if packet.pts is not None else packet.dts,)
                if time is not None
            ]
            seconds = container.duration
            return Facts(
                container=container.format.name,
                codec=context.codec.canonical_name,
                pixel_format=context.pix_fmt or "",
                width=stream.width,
                height=stream.height,
                duration=seconds / av.time_base if seconds else None,
                frames=len(shown),
                rate=_rate(shown, unit),
                streams=streams,
            )
    except (ValueError, av.error.FFmpegError):
        return None


def _rate(shown: list[tuple[int, int]], unit: Fraction) -> float | None:
    """Pictures a second, each with its time and length in units."""
    if len(shown) < 2:
        return None
    first, (last, length) = min(shown)[0], max(shown)
    usual = Fraction(last - first, len(shown) - 1)
    seconds = (last - first + (length or usual)) * unit
    return float(len(shown) / seconds) if seconds else None
