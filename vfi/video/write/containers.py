"""The kinds of files on offer, and what each can hold."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Container:
    """A file format.

    Attributes:
        format: FFmpeg's name of its muxer.
        codecs: video codecs it takes, the default first.
        audio: audio codecs it takes; empty for any.
        audio_encoder: what other audio is re-encoded with.
        subtitles: subtitle codecs it takes, the one that text is converted to first.
        turns: whether it can tell players to turn the picture.
        tagged: whether it can tell them which colours are meant.
        varies: whether its frame rate may vary, and a stream begin later than another.
        hides: whether it can hold packets from before its start, that are decoded but not shown.
        fastest: frames a second whose times it can tell apart, None for any.
    """

    format: str
    codecs: tuple[str, ...]
    audio: tuple[str, ...]
    audio_encoder: str
    subtitles: tuple[str, ...]
    turns: bool = True
    tagged: bool = True
    varies: bool = True
    hides: bool = False
    fastest: int | None = None


_MP4_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")
_MOV_AUDIO = ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be")
_MKV_SUBTITLES = ("subrip", "ass", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "webvtt")
_MP4_VIDEO = ("h264", "h265", "av1", "vp9", "mpeg4")
_MP4 = Container("mp4", _MP4_VIDEO, _MP4_AUDIO, "aac", ("mov_text",), hides=True)
CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container(
        "mov", ("h264", "h265", "prores", "mpeg4"), _MOV_AUDIO, "aac", ("mov_text",), hides=True
    ),
    ".mkv": Container(
        "matroska",
        ("h264", "h265", "vp9", "av1", "mpeg4", "ffv1", "prores"),
        (),
        "aac",
        _MKV_SUBTITLES,
        fastest=1000,
    ),
    ".webm": Container(
        "webm", ("vp9", "av1"), ("opus", "vorbis"), "libopus", ("webvtt",), fastest=1000
    ),
    ".avi": Container(
        "avi",
        ("mpeg4", "ffv1"),
        ("mp3", "mp2", "pcm_s16le", "pcm_u8"),  # of copied AC-3 the muxer writes wrong times
        "ac3",  # MP3's delay of 23 ms cannot be told here
        (),
        turns=False,
        tagged=False,
        varies=False,
    ),
}
"""Containers by the suffix of a file name."""


def container_of(path: Path) -> Container:
    """The container that a file name asks for.

    Raises:
        ValueError: if it asks for none of them.
    """
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise ValueError(
            f"cannot tell what to write from the name {path}; end it in "
            f"{', '.join(CONTAINERS)}, .gif or .apng, or give no suffix for a folder of images"
        )
    return container
