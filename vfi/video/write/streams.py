"""Decides what becomes of every stream of an input but its pictures."""

import dataclasses
import functools
import io
import logging
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.stream import Stream

from vfi.video.read.media import is_cover, open_video, video_stream
from vfi.video.read.source import SourceInfo
from vfi.video.write.containers import Container
from vfi.video.write.options import WriteOptions
from vfi.video.write.pictures import COVERS, AttachedCover, CopiedVideo, Cover
from vfi.video.write.sound import AudioTrack, nearest, speakers
from vfi.video.write.tracks import (
    LONGEST_LEAD_IN,
    Attachment,
    CopiedSound,
    Passage,
    TextTrack,
    Track,
)
from vfi.video.write.turn import askew

logger = logging.getLogger(__name__)

_TEXT = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")
_TELLING = ("matroska", "webm")  # with a stream, what its decoding begins with
_TIMECODE = "tmcd"
_IN_TIME = Fraction(1, 1000)  # seconds
_HARDLY_HEARD = 0.0025  # likewise


@dataclass
class Streams:
    """What becomes of an input's streams.

    Attributes:
        tracks: those that go into the output.
        kept: a line on each of them.
        changed: a line on each that is not what it was.
        lost: a line on each that is left out.
    """

    tracks: list[Track] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def take(self, stream: Stream, track: Track, change: str = "") -> None:
        """Adds a track."""
        self.tracks.append(track)
        self.kept.append(f"{_named(stream)}: {track.how}")
        if change:
            self.changed.append(f"{_named(stream)}: {change}")
            logger.warning("%s: %s", _named(stream), change)

    def lose(self, stream: Stream, why: str) -> None:
        """Leaves a stream out, with a warning."""
        self.lost.append(f"{_named(stream)}: {why}")
        logger.warning("%s is left out: %s", _named(stream), why)


def plan_streams(
    found: Streams, path: Path, container: Container, options: WriteOptions, passage: Passage
) -> None:
    """Decides what becomes of every stream of the input but its pictures, with a warning if lost.

    Args:
        found: is filled in.
        path: the input file.
        container: what is written.
        options: ``audio`` auto copies sound that the container takes and re-encodes other, copy
            insists on copying, drop leaves it out; ``audio_offset`` moves it.
        passage: from the input's times to the output's.

    Raises:
        ValueError: if sound must be copied and cannot be.
    """
    with open_video(path) as source:
        pictures = video_stream(source, path).index
        for stream in source.streams:
            if isinstance(stream, AudioStream):
                if options.audio != "drop":
                    matroska = "matroska" in source.format.name and container.format in _TELLING
                    told = matroska or _codec_name(stream) == "opus"
                    _plan_audio(found, stream, container, options, passage, told)
            elif stream.type == "subtitle":
                _plan_subtitle(found, stream, container, passage)
            elif stream.type == "attachment" and container.format == "matroska":
                found.take(stream, Attachment(passage, stream.index))
            elif stream.index != pictures and _tag(stream) != _TIMECODE:
                _plan_other(found, stream, container, passage)


_WHY = {
    "cover art": "only mp4 and mkv files hold such pictures",
    "video": "only the first video is interpolated, and this kind of file cannot hold this one",
    "data": "data beside the video is not kept",
    "attachment": "only mkv files hold attachments",
}


def _plan_other(found: Streams, stream: Stream, container: Container, passage: Passage) -> None:
    name = _codec_name(stream)
    if is_cover(stream) and container.format == "matroska" and name in COVERS:
        found.take(stream, AttachedCover(passage, stream.index))
    elif is_cover(stream) and container.format == "mp4" and name in COVERS:
        found.take(stream, Cover(passage, stream.index))
    elif stream.type == "video" and not is_cover(stream) and _goes_into(container, name):
        found.take(stream, CopiedVideo(passage, stream.index), "copied, not interpolated")
    else:
        found.lose(stream, _WHY.get(_kind(stream), "it is not known what it holds"))


def _goes_into(container: Container, codec: str | None) -> bool:
    """Whether a container holds pictures of a codec, at times of their own."""
    return container.varies and {"hevc": "h265"}.get(codec or "", codec) in container.codecs


def lose_all(found: Streams, path: Path, what: str) -> None:
    """Says of all streams but the pictures that they are left out.

    Args:
        found: is filled in.
        path: the input file.
        what: is written.
    """
    with open_video(path) as source:
        pictures = video_stream(source, path).index
        for stream in source.streams:
            if stream.index != pictures:
                found.lose(stream, f"{what} holds pictures only")


def lose_shape(found: Streams, info: SourceInfo, what: str) -> None:
    """Says how frames will look otherwise than players are told to show those of the input."""
    lines = askew(info.display_matrix)
    if info.aspect not in (None, 1):
        lines.append(f"{what} does not tell that pixels are not square")
    for line in lines:
        found.changed.append(line)
        logger.warning("%s", line)


def _kind(stream: Stream) -> str:
    return "cover art" if is_cover(stream) else stream.type


def _tag(stream: Stream) -> str:
    """The four letters by which a container names a stream's codec, where PyAV tells."""
    try:
        return str(stream.codec_tag)
    except AttributeError:  # data streams have no codec
        return _TIMECODE if "timecode" in stream.metadata else "unknown"


def _named(stream: Stream) -> str:
    return f"stream {stream.index} ({_kind(stream)}, {_codec_name(stream) or _tag(stream)})"


def _plan_audio(
    found: Streams,
    stream: AudioStream,
    container: Container,
    options: WriteOptions,
    passage: Passage,
    told: bool,
) -> None:
    audio, moved = options.audio, Fraction(options.audio_offset)
    name = _codec_name(stream)
    if not stream.rate or not stream.channels:
        found.lose(stream, "nothing of it can be read")
        return
    fits = name in (container.audio or _muxed(container.format))
    plain = (name or "").startswith("pcm_")
    numbered = not container.varies or (plain and container.hides)
    placed = _stays_in_place(stream.index, container, numbered, passage)
    if passage.speed == 1 and fits and not moved and (placed or audio == "copy"):
        found.take(stream, CopiedSound(passage, stream.index, container.hides, told))
        return
    if audio == "copy":
        reason = (
            f"a {container.format} file cannot hold {name}" if not fits else "it is slowed down"
        )
        raise ValueError(
            f"cannot copy the sound of {passage.path}: {reason}; use --audio auto or drop"
        )
    if name is None:
        raise ValueError(f"cannot decode the sound of {passage.path}; use --audio drop")
    encoder = name if plain and fits else container.audio_encoder
    rate, layout = nearest(encoder, stream)
    changes = []
    if layout != speakers(stream):
        changes.append(f"{stream.layout.name} becomes {layout}")
    if rate < stream.rate:
        changes.append(f"{stream.rate} Hz becomes {rate}")
    passage = dataclasses.replace(passage, late=passage.late + moved)
    track = AudioTrack(passage, stream.index, encoder, not container.varies, container.hides)
    found.take(
        stream,
        track,
        " and ".join(changes),
    )


@functools.cache
def _muxed(format: str) -> frozenset[str]:
    """The codecs that FFmpeg writes into a kind of file."""
    with av.open(io.BytesIO(), "w", format=format) as output:
        return frozenset(output.supported_codecs)


def _stays_in_place(index: int, container: Container, numbered: bool, passage: Passage) -> bool:
    """Whether sound that is copied is heard at its time, and nothing that was hidden.

    Args:
        index: of the stream.
        container: what is written.
        numbered: whether this only numbers samples or packets, as MOV does those of PCM.
        passage: from the input's times to the output's.
    """
    clock = passage.clock
    if clock.hidden.get(index, 0) > LONGEST_LEAD_IN and not container.hides:
        return False
    if index in clock.pieced:
        return False
    start = clock.starts.get(index, Fraction(0)) * passage.speed + passage.late
    in_time = container.varies or abs(start) < _IN_TIME
    return not numbered or (in_time and clock.strays.get(index, 0) < _HARDLY_HEARD)


def _plan_subtitle(found: Streams, stream: Stream, container: Container, passage: Passage) -> None:
    name = _codec_name(stream)
    if name in container.subtitles:
        found.take(stream, Track(passage, stream.index))
    elif name in _TEXT and container.subtitles:
        found.take(stream, TextTrack(passage, stream.index, container.subtitles[0]))
    else:
        found.lose(stream, f"a {container.format} file cannot hold such subtitles")


def _codec_name(stream: Stream) -> str | None:
    return stream.codec_context.codec.canonical_name if stream.codec_context else None
