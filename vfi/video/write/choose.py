"""Chooses how the output is written and proves, before any work, that it can be."""

import dataclasses
import logging
import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path

from vfi.files import check_not_input
from vfi.video.read.colour import FULL, ColourTags, PixelSpec
from vfi.video.read.images import IMAGE_SUFFIXES
from vfi.video.read.source import SourceInfo
from vfi.video.read.y4m import PIPE
from vfi.video.timing.timeline import Timing
from vfi.video.write.codecs import (
    ENCODERS,
    OutputFormat,
    codec_for,
    encoder_options,
    keeps_alpha,
    output_format,
)
from vfi.video.write.containers import CONTAINERS, Container, container_of
from vfi.video.write.gif import GIF_MAX_RATE, PIXEL_FORMAT
from vfi.video.write.light import TOLD
from vfi.video.write.mux import Assembly
from vfi.video.write.options import WriteOptions
from vfi.video.write.pipe import check_pipe, pipe_sink
from vfi.video.write.segments import VideoSettings
from vfi.video.write.sinks import GifSink, ImageSink, Sink, VideoSink
from vfi.video.write.streams import Streams, plan_streams
from vfi.video.write.tracks import Passage
from vfi.video.write.turn import upright_aspect, upright_size
from vfi.video.write.workspace import Workspace

_GIF_SUFFIX = ".gif"
_DEEP = 10


logger = logging.getLogger(__name__)


class Target(Enum):
    """The kinds of output."""

    IMAGE = "an image"
    FOLDER = "a folder of images"
    GIF = "a GIF"
    VIDEO = "a video"
    PIPE = "a pipe"


def target(output: Path) -> Target:
    """What an output's name asks for.

    Raises:
        ValueError: if it asks for nothing known.
    """
    if output == PIPE:
        return Target.PIPE
    suffix = output.suffix.lower()
    if output.is_dir() or not suffix:
        return Target.FOLDER
    if suffix in IMAGE_SUFFIXES:
        return Target.IMAGE
    if suffix == _GIF_SUFFIX:
        return Target.GIF
    container_of(output)
    return Target.VIDEO


@dataclass(frozen=True)
class Writing:
    """An output that is known to be possible.

    Attributes:
        output: the file or folder to make.
        target: its kind.
        info: the input.
        options: how it is written.
        timing: the output times.
        assembly: what a video or a GIF is made of.
    """

    output: Path
    target: Target
    info: SourceInfo
    options: WriteOptions
    timing: Timing
    assembly: Assembly | None = None

    def sink(self, record: dict[str, object]) -> Sink:
        """Opens the place where the frames go.

        Args:
            record: what the frames depend on, see `Workspace`.

        Raises:
            ValueError: if it cannot be written, or unfinished work there was for other frames.
        """
        if self.target is Target.PIPE:
            return pipe_sink(self.info, self.options, self.timing)
        work = Workspace(self.output, record, self.options.resume)
        turn = self.info.display_matrix
        if self.assembly is None:
            depth = self.options.bit_depth or self.info.spec.depth
            return ImageSink(self.output, work, depth, turn, self.info.spec.alpha)
        length = self.options.segment
        if self.target is Target.GIF:
            return GifSink(self.output, work, self.assembly, self.timing, length, turn)
        kept = None if self.assembly.container.turns else turn
        return VideoSink(self.output, work, self.assembly, self.timing, length, kept)


def plan_writing(output: Path, info: SourceInfo, options: WriteOptions, timing: Timing) -> Writing:
    """Decides how an output is written.

    Args:
        output: a video by its suffix, ``.gif``, or without suffix a folder of images.
        info: the input.
        options: what was asked for.
        timing: the output times.

    Raises:
        ValueError: if it cannot be written so.
    """
    kind = target(output)
    if kind is Target.PIPE:
        _check_unused(options, kind.value)
        check_pipe(info, options, timing)
        return Writing(output, kind, info, options, timing)
    check_output(output, info)
    if kind is Target.VIDEO:
        container = container_of(output)
        if not container.varies and timing.rate is not None:  # frames are numbered in it
            timing = dataclasses.replace(timing, time_base=1 / timing.rate)
        assembly = _video_assembly(output, info, options, timing)
        assembly.rehearse(output.suffix, info.start * timing.speed)
        return Writing(output, kind, info, options, timing, assembly)
    _check_unused(options, kind.value)
    if kind is Target.GIF:
        return Writing(output, kind, info, options, timing, _gif_assembly(info, timing))
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output} exists; give the name of a new folder for the images")
    return Writing(output, kind, info, options, timing)


def check_output(output: Path, info: SourceInfo) -> None:
    """Makes sure that the output is no part of the input.

    Raises:
        ValueError: if it is one of its files, or would be one of its images.
    """
    check_not_input(output, info.files)
    among = info.path.is_dir() and output.parent.exists() and output.parent.samefile(info.path)
    if among and output.suffix.lower() in IMAGE_SUFFIXES:
        raise ValueError(f"{output} would lie among the images of the input; choose another folder")


def make_sink(
    output: Path,
    info: SourceInfo,
    options: WriteOptions,
    timing: Timing,
    record: dict[str, object],
) -> Sink:
    """`plan_writing` and `Writing.sink` in one."""
    return plan_writing(output, info, options, timing).sink(record)


def _video_assembly(
    output: Path, info: SourceInfo, options: WriteOptions, timing: Timing
) -> Assembly:
    container = container_of(output)
    if not container.varies and timing.rate is None:
        raise ValueError(
            f"the input's frame rate varies, which {output.suffix} files cannot hold; give --fps "
            f"or write one of {', '.join(k for k, c in CONTAINERS.items() if c.varies)}"
        )
    depth = options.bit_depth or min(info.spec.depth, _DEEP)
    codec = codec_for(options.codec, output, depth)
    encoder = ENCODERS[codec]
    _check_rate(codec, container, pace(info, timing))
    quality = encoder.crf if options.crf is None else options.crf
    turn = None if container.turns else info.display_matrix
    width, height = upright_size(info.width, info.height, turn)
    video = VideoSettings(
        codec=codec,
        options=encoder_options(
            codec, options.crf, options.preset, info.width * info.height, info.light
        ),
        quality=quality if encoder.quality == "qscale" else None,
        format=output_format(codec, container, info, options.bit_depth),
        width=width,
        height=height,
        aspect=upright_aspect(info.aspect, turn),
        rate=timing.rate,
        pace=pace(info, timing),
        time_base=timing.time_base,
        threads=options.threads or 0,
    )
    streams = Streams()
    _note_silence(streams, info, codec, container)
    if info.is_video:
        shown = math.floor(info.start * timing.speed / timing.time_base + Fraction(1, 2))
        late = shown * timing.time_base - info.start * timing.speed
        passage = Passage(info.path, info.clock, timing.speed, late)
        plan_streams(streams, info.path, container, options, passage)
    return Assembly(container, video, streams, info, timing.speed)


def pace(info: SourceInfo, timing: Timing) -> Fraction:
    """Output frames per second, in the mean where that varies."""
    if timing.rate is not None:
        return timing.rate
    frames = (info.expected or 1) * getattr(timing.cadence, "parts", 1)
    seconds = info.duration * timing.speed
    return frames / seconds if seconds else Fraction(25)


def _check_rate(codec: str, container: Container, rate: Fraction) -> None:
    for what, most in ((codec, ENCODERS[codec].fastest), (container.format, container.fastest)):
        if most is not None and rate > most:
            raise ValueError(
                f"this makes {float(rate):g} frames a second and {what} takes at most {most}; ask "
                "for fewer, or use another --codec or kind of file, such as h264 in mp4"
            )


def _note_silence(streams: Streams, info: SourceInfo, codec: str, container: Container) -> None:
    """Says what neither the codec nor the container can tell players."""
    if info.spec.alpha and not keeps_alpha(codec, container):
        streams.changed.append(
            f"alpha is lost: {codec} in {container.format} has none (vp9 in webm, prores in mov "
            "and ffv1 in mkv have)"
        )
        logger.warning("%s", streams.changed[-1])
    if container.format in ("matroska", "webm"):
        return
    silent = []
    if info.light and codec not in TOLD:
        silent.append("the light of HDR")
    if info.aspect not in (None, 1) and container.format == "avi" and codec != "mpeg4":
        silent.append("that pixels are not square")
    for what in silent:
        streams.changed.append(f"{codec} in {container.format} does not tell {what}")
        logger.warning("%s", streams.changed[-1])


def _gif_assembly(info: SourceInfo, timing: Timing) -> Assembly:
    if timing.rate is not None and timing.rate > GIF_MAX_RATE:
        raise ValueError(
            f"this makes {float(timing.rate):g} frames a second and viewers play at most "
            f"{GIF_MAX_RATE} of a GIF; ask for fewer or write a video"
        )
    width, height = upright_size(info.width, info.height, info.display_matrix)
    alpha = info.spec.alpha
    spec = PixelSpec("rgb", full_range=True, alpha=alpha)
    video = VideoSettings(
        codec="ffv1",
        options={},
        quality=None,
        format=OutputFormat(spec, "bgra" if alpha else PIXEL_FORMAT, ColourTags(range=FULL)),
        width=width,
        height=height,
        aspect=None,
        rate=timing.rate,
        pace=pace(info, timing),
        time_base=timing.time_base,
    )
    return Assembly(CONTAINERS[".mkv"], video, Streams(), info, timing.speed)


def _check_unused(options: WriteOptions, what: str) -> None:
    for name, value in (("crf", options.crf), ("preset", options.preset)):
        if value is not None:
            raise ValueError(f"{name} has no meaning for {what}; leave it out")
    if options.codec != "auto":
        raise ValueError(f"codec {options.codec} has no meaning for {what}; leave it out")
    if options.audio == "copy":
        raise ValueError(f"{what} cannot hold sound; use --audio auto or drop")
