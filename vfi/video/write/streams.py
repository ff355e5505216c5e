"""Decides what becomes of every stream of an input but its pictures."""

import logging
from fractions import Fraction
from pathlib import Path

from av.stream import Disposition, Stream

from vfi.video.read.media import open_video
from vfi.video.write.containers import Container
from vfi.video.write.sound import AudioTrack
from vfi.video.write.tracks import Attachment, TextTrack, Track

logger = logging.getLogger(__name__)

_TEXT = ("subrip", "ass", "ssa", "webvtt", "mov_text", "text")


def plan_tracks(path: Path, container: Container, audio: str, speed: Fraction) -> list[Track]:
    """Decides what becomes of every stream of the input but its pictures, with a log line if lost.

    Args:
        path: the input file.
        container: what is written.
        audio: ``auto`` copies sound that the container takes and re-encodes other, ``copy`` insists
            on copying, ``drop`` leaves it out.
        speed: output seconds per input second; sound is stretched if it is not 1.

    Raises:
        ValueError: if sound must be copied and cannot be.
    """
    tracks = []
    with open_video(path) as source:
        for stream in source.streams:
            if stream.type == "audio" and audio != "drop":
                tracks.append(_plan_audio(path, stream, container, audio, speed))
            elif stream.type == "subtitle":
                tracks += _plan_subtitle(path, stream, container, speed)
            elif stream.type == "attachment" and container.format == "matroska":
                tracks.append(Attachment(path, stream.index))
            elif stream.type in ("data", "attachment") or (
                stream.disposition & Disposition.attached_pic
            ):
                logger.info("stream %d (%s) is left out", stream.index, stream.type)
    return tracks


def _plan_audio(
    path: Path, stream: Stream, container: Container, audio: str, speed: Fraction
) -> Track:
    name = _codec_name(stream)
    fits = not container.audio or name in container.audio
    if speed == 1 and fits:
        return Track(path, stream.index)
    if audio == "copy":
        reason = (
            f"a {container.format} file cannot hold {name}" if not fits else "it is slowed down"
        )
        raise ValueError(f"cannot copy the sound of {path}: {reason}; use --audio auto or drop")
    if name is None:
        raise ValueError(f"cannot decode the sound of {path}; use --audio drop")
    return AudioTrack(path, stream.index, speed, container.audio_encoder)


def _plan_subtitle(
    path: Path, stream: Stream, container: Container, speed: Fraction
) -> list[Track]:
    name = _codec_name(stream)
    if name in container.subtitles:
        return [Track(path, stream.index, speed)]
    if name in _TEXT and container.subtitles:
        return [TextTrack(path, stream.index, speed, container.subtitles[0])]
    logger.warning(
        "subtitles %d (%s) are left out: a %s file cannot hold them",
        stream.index,
        name,
        container.format,
    )
    return []


def _codec_name(stream: Stream) -> str | None:
    return stream.codec_context.codec.canonical_name if stream.codec_context else None
