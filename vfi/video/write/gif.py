"""GIF files: 256 colours chosen for the whole animation."""

import itertools
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from vfi.video.write.animation import Animation
from vfi.video.write.segments import VideoSettings, read_frames

GIF_UNIT = Fraction(1, 100)
GIF_MAX_RATE = 50
"""Frames a second; viewers slow animations down that ask for more."""

PIXEL_FORMAT = "bgr0"
_PALETTE_SIDE = 16


def write_gif(path: Path, segments: list[Path], ticks: array, settings: VideoSettings) -> None:
    """Writes an endless animation.

    Args:
        path: the file.
        segments: its frames, encoded without loss.
        ticks: every frame's time in ``settings.time_base`` and, last, that of the end.
        settings: how the segments were encoded.
    """
    palette = _palette(segments, settings)
    graph = Graph()
    size = settings.width, settings.height
    pictures = _buffer(graph, *size, settings.format.pixel_format)
    colours = _buffer(graph, _PALETTE_SIDE, _PALETTE_SIDE, palette.format.name)
    paint = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
    drain = graph.add("buffersink")
    pictures.link_to(paint, 0, 0)
    colours.link_to(paint, 0, 1)
    paint.link_to(drain)
    graph.configure()
    palette.pts, palette.time_base = 0, GIF_UNIT
    colours.push(palette)
    colours.push(None)
    times = [round(tick * settings.time_base / GIF_UNIT) for tick in ticks]
    animation = Animation("gif", size, "pal8", GIF_UNIT, 1 / GIF_UNIT)
    animation.write(path, _through(pictures, drain, _counted(segments)), times)


def _palette(segments: list[Path], settings: VideoSettings) -> VideoFrame:
    graph = Graph()
    pictures = _buffer(graph, settings.width, settings.height, settings.format.pixel_format)
    drain = graph.add("buffersink")
    graph.link_nodes(pictures, graph.add("palettegen"), drain).configure()
    return next(_through(pictures, drain, _counted(segments)))


def _buffer(graph: Graph, width: int, height: int, name: str = PIXEL_FORMAT) -> FilterContext:
    return graph.add_buffer(
        width=width, height=height, format=VideoFormat(name, width, height), time_base=GIF_UNIT
    )


def _counted(segments: list[Path]) -> Iterator[VideoFrame]:
    for count, frame in enumerate(read_frames(segments)):
        frame.pts, frame.time_base = count, GIF_UNIT
        yield frame


def _through(
    source: FilterContext, drain: FilterContext, frames: Iterator[VideoFrame]
) -> Iterator[VideoFrame]:
    """Pushes frames through a graph and yields what comes out."""
    for frame in itertools.chain(frames, [None]):
        source.push(frame)
        while True:
            try:
                made = drain.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
            if isinstance(made, VideoFrame):
                yield made
