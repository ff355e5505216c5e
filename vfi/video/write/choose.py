"""Chooses how the output is written and proves, before any work, that it can be."""

import logging
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path

from vfi.files import check_not_input
from vfi.video.read.colour import ColourTags
from vfi.video.read.images import IMAGE_SUFFIXES
from vfi.video.read.source import SourceInfo
from vfi.video.read.y4m import PIPE
from vfi.video.timing.timeline import Timing
from vfi.video.write.codecs import ENCODERS, codec_for, encoder_options
from vfi.video.write.containers import CONTAINERS, Container, container_of
from vfi.video.write.gif import GIF_MAX_RATE
from vfi.video.write.light import TOLD
from vfi.video.write.mux import Assembly
from vfi.video.write.options import WriteOptions
from vfi.video.write.pipe import check_pipe, pipe_sink
from vfi.video.write.pixels import keeps_alpha, output_format, stored_rgb
from vfi.video.write.segments import VideoSettings
from vfi.video.write.sinks import AnimationSink, ImageSink, Sink, VideoSink
from vfi.video.write.streams import Streams, lose_all, lose_shape, plan_streams
from vfi.video.write.tracks import Passage
from vfi.video.write.turn import askew, upright_aspect, upright_size
from vfi.video.write.workspace import Workspace

_SHALLOW, _DEEP, _DEEPEST = 8, 10, 16  # bits


logger = logging.getLogger(__name__)


class Target(Enum):
    """The kinds of output."""

    IMAGE = "an image"
    FOLDER = "a folder of images"
    GIF = "a GIF"
    APNG = "an animated PNG"
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
    if suffix in _ANIMATIONS:
        return _ANIMATIONS[suffix]
    container_of(output)
    return Target.VIDEO


def varies(output: Path) -> bool:
    """Whether the frame rate of an output may vary."""
    return target(output) is not Target.VIDEO or container_of(output).varies


_ANIMATIONS = {".gif": Target.GIF, ".apng": Target.APNG}


@dataclass(frozen=True)
class Writing:
    """An output that is known to be possible.

    Attributes:
        output: the file or folder to make.
        target: its kind.
        info: the input.
        options: how it is written.
        timing: the output times.
        assembly: what a video or an animation is made of.
        streams: what becomes of the input's other streams.
    """

    output: Path
    target: Target
    info: SourceInfo
    options: WriteOptions
    timing: Timing
    assembly: Assembly | None = None
    streams: Streams = field(default_factory=Streams)

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
        if self.target is not Target.VIDEO:
            return AnimationSink(self.output, work, self.assembly, self.timing, length, turn)
        kept = None if self.assembly.container.turns else turn
        return VideoSink(self.output, work, self.assembly, self.timing, length, kept)


def plan_writing(output: Path, info: SourceInfo, options: WriteOptions, timing: Timing) -> Writing:
    """Decides how an output is written.

    Args:
        output: a video by its suffix, ``.gif``, ``.apng``, or without suffix a folder of images.
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
        timing = timing if container.varies else timing.numbered()
        assembly = _video_assembly(output, info, options, timing)
        assembly.rehearse(output.suffix, info.start * timing.speed)
        return Writing(output, kind, info, options, timing, assembly, assembly.streams)
    _check_unused(options, kind.value)
    streams = Streams()
    if info.is_video:
        lose_all(streams, info.path, kind.value)
        lose_shape(streams, info, kind.value)
    if kind is not Target.FOLDER:
        assembly = _animation_assembly(info, timing, kind, options.bit_depth)
        return Writing(output, kind, info, options, timing, assembly, streams)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output} exists; give the name of a new folder for the images")
    return Writing(output, kind, info, options, timing, streams=streams)


def check_output(output: Path, info: SourceInfo) -> None:
    """Makes sure that the output is no part of the input.

    Raises:
        ValueError: if it is one of its files, or would be one of its images; or no file at all.
    """
    check_not_input(output, info.files)
    if output.exists() and not (output.is_file() or output.is_dir()):
        raise ValueError(f"{output} is a device or a pipe; give the path of a file")
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
    _note_silence(streams, info, video, container)
    if info.is_video:
        passage = Passage(info.path, info.clock, timing.speed, timing.late(info.start))
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


def _note_silence(
    streams: Streams, info: SourceInfo, video: VideoSettings, container: Container
) -> None:
    """Says what neither the codec nor the container can hold or tell players."""
    codec, changes = video.codec, list(video.format.changes)
    if not container.turns:
        changes += askew(info.display_matrix)
    if info.spec.alpha and not keeps_alpha(codec, container):
        changes.append(
            f"alpha is lost: {codec} in {container.format} has none (vp9 in webm, prores in mov "
            "and ffv1 in mkv have)"
        )
    silent = []
    if info.light and codec not in TOLD:
        silent.append("the light of HDR")
    if info.aspect not in (None, 1) and container.format == "avi" and codec != "mpeg4":
        silent.append("that pixels are not square")
    if container.format not in ("matroska", "webm"):
        changes += [f"{codec} in {container.format} does not tell {what}" for what in silent]
    streams.changed += changes
    streams.lost += [f"{what}: new frames have none" for what in info.unkept]
    for line in (*changes, *streams.lost):
        logger.warning("%s", line)


def _animation_assembly(
    info: SourceInfo, timing: Timing, kind: Target, bit_depth: int | None
) -> Assembly:
    rate = timing.rate
    if rate is None and info.shortest:
        rate = getattr(timing.cadence, "parts", 1) / (info.shortest * timing.speed)
    if kind is Target.GIF and rate is not None and rate > GIF_MAX_RATE:
        raise ValueError(
            f"this makes {float(rate):g} frames a second and viewers play at most "
            f"{GIF_MAX_RATE} of a GIF; ask for fewer or write a video"
        )
    width, height = upright_size(info.width, info.height, info.display_matrix)
    deep = kind is Target.APNG and (bit_depth or info.spec.depth) > _SHALLOW
    video = VideoSettings(
        codec="ffv1",
        options={},
        quality=None,
        format=stored_rgb(_DEEPEST if deep else _SHALLOW, info.spec.alpha, ColourTags()),
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
