"""The encoders on offer and their settings."""

import functools
from dataclasses import dataclass
from pathlib import Path

from av.codec.codec import Codec, UnknownCodecError

from vfi.video.read.light import Light
from vfi.video.write.containers import container_of
from vfi.video.write.light import light_options

_LOOKAHEAD = 40  # frames, the presets' usual
_SHORTEST_LOOKAHEAD = 10
_LOOKAHEAD_PIXELS = 20 * 1920 * 1080
_SMALL = 128 * 128  # pixels; what is narrow cannot always be cut into as many slices as usual
_X26_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)


@dataclass(frozen=True)
class Encoder:
    """A video encoder and the words for its settings.

    Attributes:
        name: FFmpeg's name.
        quality: the option that sets quality, None for lossless and fixed-rate ones.
        crf: its default; lower is better.
        worst: its largest value.
        preset_option: the option that trades speed for size, None if there is none.
        presets: what it takes.
        preset: its default.
        options: further ones, always set.
        parameters: the name of the option that holds the encoder's own parameters, if any.
        saving: such parameters that save time where the preset is the default one.
        fastest: frames a second that it takes at most, None for any.
        says_range: whether its streams tell full range from limited.
        even: the picture's sides must be multiples of the chroma's subsampling.
        least: pixels of the shorter side that it takes at least.
    """

    name: str
    quality: str | None = None
    crf: int = 0
    worst: int = 0
    preset_option: str | None = None
    presets: tuple[str, ...] = ()
    preset: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    parameters: str | None = None
    saving: str = ""
    even: bool = False
    least: int = 1
    fastest: int | None = None
    says_range: bool = True


# x264 and x265 share the cores with the network: "faster" takes 0.5 and 0.8 of medium's time, for a
# smaller file and 0.5 and 0.6 dB (docs/results/live/presets.json). For x264 that is with a search
# in small steps and one reference frame: between new frames things move half as far.
ENCODERS = {
    "h264": Encoder(
        "libx264",
        "crf",
        18,
        51,
        "preset",
        _X26_PRESETS,
        "faster",
        # Without it the bits depend on where in memory the frames happen to lie.
        (("x264-params", "cpu-independent=1"),),
        "x264-params",
        "me=dia:ref=1",
        even=True,
    ),
    "h265": Encoder(
        "libx265",
        "crf",
        20,
        51,
        "preset",
        _X26_PRESETS,
        "faster",
        (("x265-params", "log-level=error:open-gop=0"),),
        "x265-params",
        even=True,
    ),
    "vp9": Encoder(
        "libvpx-vp9",
        "crf",
        28,
        63,
        "cpu-used",
        tuple(map(str, range(9))),
        "3",
        (("b", "0"), ("row-mt", "1")),
    ),
    "av1": Encoder(
        "libsvtav1",
        "crf",
        28,
        63,
        "preset",
        tuple(map(str, range(14))),
        "8",
        least=32,  # it never ends with some that are smaller, such as 70x24
        fastest=240,
    ),
    "mpeg4": Encoder("mpeg4", "qscale", 3, 31, says_range=False),
    "prores": Encoder("prores_ks", says_range=False),
    "ffv1": Encoder("ffv1"),
}
"""Encoders by the name of their codec."""

_ALIASES = {"avc": "h264", "hevc": "h265", **{e.name: key for key, e in ENCODERS.items()}}


def codec_for(codec: str, path: Path, depth: int) -> str:
    """The codec to write ``path`` with.

    Args:
        codec: what the user asked for; ``auto`` is the container's first, but where that is H.264
            and the frames have more than 8 bits it is H.265, which players decode at that depth.
        path: the output file.
        depth: bits per colour value.

    Raises:
        ValueError: if the codec is unknown, missing here, or does not go into the container.
    """
    container = container_of(path)
    if codec == "auto":
        key = container.codecs[0]
        key = "h265" if key == "h264" and depth > 8 else key
    else:
        key = _ALIASES.get(codec.lower(), codec.lower())
        if key not in ENCODERS:
            raise ValueError(f"unknown codec {codec!r}; choose from auto, {', '.join(ENCODERS)}")
        if key not in container.codecs:
            raise ValueError(
                f"{path.suffix} files cannot hold {key}; choose from "
                f"{', '.join(container.codecs)}, or another kind of file"
            )
    library_codec(key)
    return key


def encoder_options(
    key: str,
    crf: int | None,
    preset: str | None,
    pixels: int = 0,
    light: Light | None = None,
) -> dict[str, str]:
    """The encoder's options for a quality and a preset.

    Args:
        key: the codec.
        crf: the quality, None for the default.
        preset: the preset, None for the default.
        pixels: of a frame. Encoders hold many frames to look ahead; of large ones they hold fewer,
            so that a laptop's memory is enough.
        light: of an HDR video.

    Raises:
        ValueError: if the encoder has no such setting or it is out of bounds.
    """
    encoder = ENCODERS[key]
    options = dict(encoder.options)
    if crf is not None and (encoder.quality is None or not 0 <= crf <= encoder.worst):
        allowed = f"0 to {encoder.worst}" if encoder.quality else "none: it has no such setting"
        raise ValueError(f"crf is {crf}; {key} takes {allowed}")
    if encoder.quality == "crf":
        options["crf"] = str(encoder.crf if crf is None else crf)
    if preset is not None and str(preset) not in encoder.presets:
        allowed = ", ".join(encoder.presets) or "none: it has no such setting"
        raise ValueError(f"preset is {preset!r}; {key} takes {allowed}")
    if encoder.parameters and (ahead := _LOOKAHEAD_PIXELS // max(pixels, 1)) < _LOOKAHEAD:
        options[encoder.parameters] += f":rc-lookahead={max(ahead, _SHORTEST_LOOKAHEAD)}"
    if encoder.parameters and encoder.saving and preset in (None, encoder.preset):
        options[encoder.parameters] += f":{encoder.saving}"
    if key == "ffv1" and pixels < _SMALL:
        options["slices"] = "1"
    if encoder.preset_option:
        options[encoder.preset_option] = str(preset or encoder.preset)
    for name, words in (light_options(key, encoder.parameters, light) if light else {}).items():
        options[name] = f"{options[name]}:{words}" if name in options else words
    return options


@functools.cache
def library_codec(key: str) -> Codec:
    """FFmpeg's encoder for a codec.

    Raises:
        ValueError: if this build has none.
    """
    try:
        return Codec(ENCODERS[key].name, "w")
    except UnknownCodecError as error:
        raise ValueError(
            f"this PyAV was built without {ENCODERS[key].name}, the encoder for {key}; "
            "choose another codec"
        ) from error
