"""Chooses how the output is written and proves, before any work, that it can be."""

import logging
from pathlib import Path

from vfi.video.read.colour import FULL, ColourTags, PixelSpec
from vfi.video.read.source import SourceInfo
from vfi.video.settings import Settings
from vfi.video.timing.timeline import Timing
from vfi.video.write.codecs import ENCODERS, OutputFormat, codec_for, encoder_options, output_format
from vfi.video.write.containers import CONTAINERS, container_of
from vfi.video.write.gif import GIF_MAX_RATE, PIXEL_FORMAT
from vfi.video.write.mux import Assembly
from vfi.video.write.segments import VideoSettings
from vfi.video.write.sinks import GifSink, ImageSink, Sink, VideoSink
from vfi.video.write.tracks import plan_tracks
from vfi.video.write.turn import upright_size
from vfi.video.write.workspace import Workspace

logger = logging.getLogger(__name__)

_GIF_SUFFIX = ".gif"
_DEEP = 10


def make_sink(
    output: Path, info: SourceInfo, settings: Settings, timing: Timing, record: dict[str, object]
) -> Sink:
    """The sink for an output name.

    Args:
        output: a video by its suffix, ``.gif``, or without suffix a folder of images.
        info: the input.
        settings: what was asked for.
        timing: the output times.
        record: what the frames depend on, see `Workspace`.

    Raises:
        ValueError: if it cannot be written so.
    """
    if output.exists() and output.resolve() == info.path.resolve():
        raise ValueError(f"{output} is the input; give the output another name")
    turn = info.display_matrix
    if output.is_dir() or not output.suffix:
        _check_unused_options(settings, "a folder of images")
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ValueError(f"{output} exists; give the name of a new folder for the images")
        depth = settings.bit_depth or info.spec.depth
        return ImageSink(output, Workspace(output, record, settings.resume), depth, turn)
    if output.suffix.lower() == _GIF_SUFFIX:
        _check_unused_options(settings, "a GIF")
        if timing.rate is not None and timing.rate > GIF_MAX_RATE:
            raise ValueError(
                f"this makes {float(timing.rate):g} frames a second and viewers play at most "
                f"{GIF_MAX_RATE} of a GIF; ask for fewer or write a video"
            )
        assembly = Assembly(
            container_of(Path("x.mkv")), _gif_settings(info, timing), [], info, timing.speed
        )
        work = Workspace(output, record, settings.resume)
        return GifSink(output, work, assembly, timing, settings.segment, turn)
    assembly = _video_assembly(output, info, settings, timing)
    assembly.rehearse(output.suffix)
    work = Workspace(output, record, settings.resume)
    kept_turn = None if assembly.container.turns else turn
    return VideoSink(output, work, assembly, timing, settings.segment, kept_turn)


def _video_assembly(output: Path, info: SourceInfo, settings: Settings, timing: Timing) -> Assembly:
    container = container_of(output)
    if not container.varies and timing.rate is None:
        raise ValueError(
            f"the input's frame rate varies, which {output.suffix} files cannot hold; give --fps "
            f"or write one of {', '.join(k for k, c in CONTAINERS.items() if c.varies)}"
        )
    depth = settings.bit_depth or min(info.spec.depth, _DEEP)
    codec = codec_for(settings.codec, output, depth)
    pixels = info.width * info.height
    options = encoder_options(codec, settings.crf, settings.preset, pixels)
    turn = None if container.turns else info.display_matrix
    width, height = upright_size(info.width, info.height, turn)
    turned = (width, height) != (info.width, info.height)
    encoder = ENCODERS[codec]
    quality = encoder.crf if settings.crf is None else settings.crf
    video = VideoSettings(
        codec=codec,
        options=options,
        quality=quality if encoder.quality == "qscale" else None,
        format=output_format(codec, container, info, settings.bit_depth),
        width=width,
        height=height,
        aspect=1 / info.aspect if turned and info.aspect else info.aspect,
        rate=timing.rate,
        time_base=timing.time_base,
        threads=settings.threads or 0,
    )
    tracks = []
    if info.is_video:
        tracks = plan_tracks(info.path, container, settings.audio, timing.speed)
    return Assembly(container, video, tracks, info, timing.speed)


def _gif_settings(info: SourceInfo, timing: Timing) -> VideoSettings:
    width, height = upright_size(info.width, info.height, info.display_matrix)
    spec = PixelSpec("rgb", full_range=True)
    return VideoSettings(
        codec="ffv1",
        options={},
        quality=None,
        format=OutputFormat(spec, PIXEL_FORMAT, ColourTags(range=FULL)),
        width=width,
        height=height,
        aspect=None,
        rate=timing.rate,
        time_base=timing.time_base,
    )


def _check_unused_options(settings: Settings, what: str) -> None:
    for name, value in (("crf", settings.crf), ("preset", settings.preset)):
        if value is not None:
            raise ValueError(f"{name} has no meaning for {what}; leave it out")
    if settings.codec != "auto":
        raise ValueError(f"codec {settings.codec} has no meaning for {what}; leave it out")
    if settings.audio == "copy":
        raise ValueError(f"{what} cannot hold sound; use --audio auto or drop")
