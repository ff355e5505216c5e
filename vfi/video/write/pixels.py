"""The pixels that go into an encoder: of those it takes, the nearest to the input's."""

import dataclasses
from dataclasses import dataclass

from vfi.video.read.colour import (
    BT709,
    FULL,
    LIMITED,
    RGB,
    ColourTags,
    PixelSpec,
    spec_of,
    working_format,
)
from vfi.video.read.source import SourceInfo
from vfi.video.write.codecs import ENCODERS, library_codec
from vfi.video.write.containers import Container

_ALPHA = {
    "vp9": ("webm", "matroska"),
    "prores": ("mov", "matroska"),
    "ffv1": ("matroska", "avi"),
}
"""The containers in which a codec's pictures can be seen through."""


@dataclass(frozen=True)
class OutputFormat:
    """What goes into the encoder.

    Attributes:
        spec: how generated frames are stored.
        pixel_format: FFmpeg's name of that.
        tags: what the stream says of its colours.
        changes: a line on each way in which this is not what the input has.
    """

    spec: PixelSpec
    pixel_format: str
    tags: ColourTags
    changes: tuple[str, ...] = ()


def output_format(
    key: str, container: Container, info: SourceInfo, bit_depth: int | None
) -> OutputFormat:
    """The encoder's pixel format nearest to the input's: its subsampling, depth and colours.

    Args:
        key: the codec.
        container: what it goes into.
        info: the input.
        bit_depth: bits per colour value; the input's if None.

    Raises:
        ValueError: if the encoder cannot write that many bits, or so small a picture.
    """
    encoder, source = ENCODERS[key], info.spec
    if min(info.width, info.height) < encoder.least:
        raise ValueError(
            f"{key} takes pictures of {encoder.least} pixels and more on each side here, not "
            f"{info.width}x{info.height}; use another codec"
        )
    if source.kind == "rgb" and key == "ffv1":
        return stored_rgb(bit_depth or source.depth, source.alpha, info.tags)
    depth = bit_depth or min(source.depth, 10 if source.kind == "rgb" else 16)
    shift = source.shift if source.kind == "yuv" else (1, 1)
    # Players may lack gray; what is deep is not for them anyway.
    gray = source.kind == "gray" and (depth > 8 or key == "ffv1") and _takes_gray(key)
    kinds, tags = ("gray",) if gray else ("yuv4",), _tags(key, container, info, gray)
    if source.alpha and keeps_alpha(key, container):
        kinds = ("yuva420p",) if key == "vp9" else ("yuva4",)  # of others libvpx only says no
    choices = {
        name: spec_of(name, tags, info.height)
        for name in (format.name for format in library_codec(key).video_formats or ())
        if name.startswith(kinds) and working_format(name, alpha=True) == name
    }
    if bit_depth and bit_depth not in {spec.depth for spec in choices.values()}:
        depths = sorted({spec.depth for spec in choices.values()})
        raise ValueError(f"{key} writes {depths} bits here, not {bit_depth}; use another codec")
    changes = []
    if encoder.even:
        choices = {name: s for name, s in choices.items() if _divides(s, info.width, info.height)}
        if not gray and shift not in {spec.shift for spec in choices.values()}:
            changes.append(
                f"{key} cannot hold {info.width}x{info.height} at the input's chroma resolution; "
                "a finer one is written, which some players lack (vp9 and av1 can)"
            )
    name = min(choices, key=lambda name: _distance(choices[name], depth, shift))
    if any(got > own for got, own in zip(choices[name].shift, shift, strict=True)):
        changes.append(f"{key} writes chroma of less resolution here")
    if choices[name].depth < depth:
        changes.append(f"{key} writes {choices[name].depth} bits here, not {depth}")
    return OutputFormat(choices[name], name, tags, tuple(changes))


def _tags(key: str, container: Container, info: SourceInfo, gray: bool) -> ColourTags:
    """What the stream says of its colours."""
    tags = info.tags
    if info.spec.kind == "rgb":  # RGB has no matrix to keep; say which one is used
        tags = ColourTags(LIMITED, BT709, BT709, BT709)
    if not container.tagged:  # then players take it for what is usual
        return ColourTags()
    if gray and info.spec.full_range:  # if it is not said, some decoders take it for limited
        return dataclasses.replace(tags, range=FULL)
    if tags.range == FULL and not ENCODERS[key].says_range:
        return dataclasses.replace(tags, range=LIMITED)
    return tags


def stored_rgb(depth: int, alpha: bool, tags: ColourTags) -> OutputFormat:
    """RGB for an encoder without loss, in its own layout where it has one of 8 bits only."""
    spec = PixelSpec("rgb", depth, full_range=True, alpha=alpha)
    packed = "bgra" if alpha else "bgr0"
    tags = dataclasses.replace(tags, range=FULL, matrix=RGB)
    return OutputFormat(spec, packed if depth == 8 else spec.pixel_format, tags)


def keeps_alpha(key: str, container: Container) -> bool:
    """Whether a codec's pictures in a container can be seen through."""
    return container.format in _ALPHA.get(key, ())


def _takes_gray(key: str) -> bool:
    return any(format.name == "gray10le" for format in library_codec(key).video_formats or ())


def _divides(spec: PixelSpec, width: int, height: int) -> bool:
    return width % (1 << spec.shift[0]) == 0 and height % (1 << spec.shift[1]) == 0


def _distance(spec: PixelSpec, depth: int, shift: tuple[int, int]) -> tuple:
    """Loses bits last, then chroma; then prefers what is no larger than needed."""
    return (
        max(0, depth - spec.depth),
        sum(max(0, got - wanted) for got, wanted in zip(spec.shift, shift, strict=True)),
        max(0, spec.depth - depth),
        sum(max(0, wanted - got) for got, wanted in zip(spec.shift, shift, strict=True)),
    )
