"""Reads an output back before it gets its name: what it was to be against what a player finds."""

import logging
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from vfi.video.read.colour import FULL, LIMITED
from vfi.video.read.light import Light, light_of
from vfi.video.read.media import open_video, tick, video_stream
from vfi.video.write.light import display
from vfi.video.write.mux import Assembly
from vfi.video.write.tracks import kept_tags

logger = logging.getLogger(__name__)

_ROUNDING = Fraction(1, 500)  # seconds; containers that count milliseconds round both ends


def check_count(found: int, written: int, where: Path) -> None:
    """Makes sure that no frame was lost on the way.

    Raises:
        OSError: if there are not as many as were written.
    """
    if found != written:
        raise OSError(f"{where} holds {found} frames of the {written} that were written to it")


def check_video(path: Path, assembly: Assembly, ticks: array) -> None:
    """Compares a finished file with what it was to be; what differs is said in the report.

    Args:
        path: the file.
        assembly: what it was made of.
        ticks: every frame's time in units of its video and, last, that of the end.

    Raises:
        OSError: if it does not hold all frames.
    """
    times, streams = _shown(path)
    check_count(len(times), len(ticks) - 1, path)
    said = assembly.streams
    for line in _differences(path, assembly, ticks, times, streams):
        if line not in said.changed:
            said.changed.append(line)
            logger.warning("%s", line)
    if lost := _lost_tags(path, assembly):
        said.lost.append(f"tags that {assembly.container.format} does not hold: {lost}")
        logger.warning("%s", said.lost[-1])


def _shown(path: Path) -> tuple[list[Fraction], int]:
    """When each picture is shown, and how many streams there are but for data."""
    with open_video(path) as container:
        stream = video_stream(container, path)
        count = sum(other.type != "data" for other in container.streams)
        times = []
        for packet in container.demux(stream):
            time = packet.dts if packet.pts is None else packet.pts
            if packet.size:
                times.append((time or 0) * tick(packet))
    return sorted(times), count


def _differences(
    path: Path, assembly: Assembly, ticks: array, times: list[Fraction], streams: int
) -> Iterator[str]:
    wanted = (ticks[-2] - ticks[0]) * assembly.settings.time_base
    if abs(times[-1] - times[0] - wanted) > _ROUNDING:
        found = float(times[-1] - times[0])
        yield f"the pictures take {found:.3f} s of the {float(wanted):.3f} s that they should"
    tracks = 1 + len(assembly.streams.tracks)
    if streams != tracks:
        yield f"the file holds {streams} of the {tracks} streams that were written"
    for what in _untold(path, assembly):
        yield f"{assembly.settings.codec} in {assembly.container.format} does not tell {what}"


def _untold(path: Path, assembly: Assembly) -> Iterator[str]:
    """What a player does not learn of how the pictures are to be shown."""
    settings = assembly.settings
    with open_video(path) as container:
        stream = video_stream(container, path)
        frame = next(container.decode(stream), None)
        aspect = stream.sample_aspect_ratio
    if frame is None:
        raise OSError(f"no frame of {path} can be decoded")
    if (aspect or 1) != (settings.aspect or 1):
        yield "that pixels are not square"
    tags = settings.format.tags
    span = FULL if frame.format.name.startswith("yuvj") else int(frame.color_range)
    said = assembly.container.tagged and settings.format.spec.kind != "rgb"
    if said and (span or LIMITED) != (tags.range or LIMITED):
        yield "which codes are black and white"
    if _words(light_of(frame)) != _words(assembly.info.light):
        yield "the light of HDR"


def _words(light: Light | None) -> tuple[str, tuple[int, int] | None] | None:
    return (display(light, 50_000, 10_000), light.levels) if light else None


def _lost_tags(path: Path, assembly: Assembly) -> str:
    """The names of the input's tags that the container does not hold."""
    if not assembly.info.is_video:
        return ""
    with open_video(assembly.info.path) as source, open_video(path) as output:
        held = {key.lower() for part in (output, *output.streams) for key in part.metadata}
        return ", ".join(sorted(k for k in kept_tags(source.metadata) if k.lower() not in held))
