"""Frames through a pipe as they are made: to whatever reads standard output, or to a player."""

import dataclasses
import logging
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from time import monotonic
from typing import BinaryIO, cast

import numpy as np
from typing_extensions import override

from vfi.video.read.colour import LIMITED, ColourTags, PixelSpec, spec_of
from vfi.video.read.source import SourceInfo
from vfi.video.read.y4m import Header
from vfi.video.timing.timeline import Timing
from vfi.video.write.options import WriteOptions
from vfi.video.write.pace import Pace
from vfi.video.write.sinks import Sink
from vfi.video.write.turn import upright_aspect, upright_size

logger = logging.getLogger(__name__)

PLAYERS = {
    "mpv": ("--no-terminal", "--keep-open=no", "-"),
    "ffplay": ("-loglevel", "error", "-autoexit", "-f", "yuv4mpegpipe", "-i", "-"),
}
"""Players that are looked for, in this order, with their arguments."""

_CLOSED = (0, 4, -signal.SIGTERM)
"""Their exit statuses when the user closes them; mpv's is 4 if that is by Ctrl-C."""

_WAITED = 0.005
"""Seconds; writing takes longer only if the pipe is full, as the player has enough."""


class PlayerClosed(Exception):
    """The user has closed the player: there is nobody to go on for."""


class PipeSink(Sink):
    """Writes YUV4MPEG2. A frame that is passed over is the one before once more.

    Args:
        header: of the stream.
        stream: takes the bytes, unbuffered.
        turn: the display matrix to apply to frames.
    """

    def __init__(
        self, header: Header, stream: BinaryIO, turn: tuple[int, ...] | None = None
    ) -> None:
        self.spec = header.spec
        self._turn = turn
        self._stream = stream
        self._header = header
        self._frames = 0
        self._last: list[np.ndarray] = []

    @property
    def done(self) -> int:
        return 0

    @override
    def skip(self, time: Fraction) -> None:
        self.write(self._last, time)

    @override
    def write(self, planes: list[np.ndarray], time: Fraction) -> None:
        self._put((b"" if self._frames else self._header.line()) + b"FRAME\n")
        for plane in planes:
            self._put(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data.cast("B"))
        self._last = planes
        self._frames += 1

    def _put(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._gone() from error

    def _gone(self) -> Exception:
        return OSError(f"whatever read the output closed it after {self._frames} frames")

    @override
    def finish(self, end: Fraction | None) -> None:
        """Nothing to do: every frame is out."""

    @override
    def abort(self) -> None:
        """Nothing to do: what is out is out."""

    @override
    def close(self) -> None:
        """Nothing to do: standard output is not ours."""

    @override
    def discard(self) -> None:
        """Nothing to do: nothing is kept."""


class PlayerSink(PipeSink):
    """Shows frames in time; see `PipeSink`.

    Args:
        header: of the stream.
        player: a name of `PLAYERS`.
        speed: output seconds per input second.
        turn: the display matrix to apply to frames.
    """

    def __init__(
        self, header: Header, player: str, speed: Fraction, turn: tuple[int, ...] | None = None
    ) -> None:
        path = shutil.which(player) or player
        words = [path, *PLAYERS[player]]
        self._player = subprocess.Popen(words, stdin=subprocess.PIPE, bufsize=0)
        self._name = player
        super().__init__(header, cast(BinaryIO, self._player.stdin), turn)
        self.pace = self._pace = Pace(speed)

    @override
    def write(self, planes: list[np.ndarray], time: Fraction) -> None:
        start = monotonic()
        super().write(planes, time)
        self._pace.delivered(time, monotonic() - start > _WAITED)

    @override
    def _gone(self) -> Exception:
        status = self._player.wait()
        if status in _CLOSED:
            return PlayerClosed()
        return OSError(
            f"{self._name} ended with status {status} after {self._frames} frames; see "
            "whether it plays a file, or use another player: vfi interpolate in.mp4 -o - | PLAYER -"
        )

    @override
    def finish(self, end: Fraction | None) -> None:
        """Lets the player show what it has."""
        self._stream.close()
        self._player.wait()

    @override
    def close(self) -> None:
        """Ends the player, if it still runs."""
        if self._player.poll() is None:
            self._player.terminate()
        self._player.wait()


def _player() -> str:
    """The player to use.

    Raises:
        ValueError: if none is installed.
    """
    for name in PLAYERS:
        if shutil.which(name):
            return name
    raise ValueError(
        f"--play needs a player and none is installed; install {' or '.join(PLAYERS)}, or use "
        "another one: vfi interpolate in.mp4 -o - | PLAYER -"
    )


def _header(info: SourceInfo, timing: Timing, bit_depth: int | None) -> Header:
    """What a pipe's frames look like: as the input's where the format has that.

    Raises:
        ValueError: if the frame rate varies, which it cannot tell.
    """
    if timing.rate is None:
        raise ValueError("the input's frame rate varies, which Y4M cannot tell; give --fps")
    width, height = upright_size(info.width, info.height, info.display_matrix)
    aspect = upright_aspect(info.aspect, info.display_matrix)
    depth = bit_depth or min(info.spec.depth, 16)
    if info.spec.alpha:
        logger.warning("alpha is lost: Y4M has none here")
    return Header(width, height, timing.rate, aspect, _spec(info, depth))


def _spec(info: SourceInfo, depth: int) -> PixelSpec:
    spec = dataclasses.replace(info.spec, depth=depth, alpha=False)
    if spec.kind != "rgb" and spec.shift in ((0, 0), (1, 0), (1, 1), (2, 0), (2, 2)):
        return spec
    name = "yuv444p" if depth == 8 else f"yuv444p{depth}le"
    return spec_of(name, ColourTags(range=LIMITED), info.height)


def _standard_output() -> BinaryIO:
    """Unbuffered, so that nothing is left to be written when its reader has gone."""
    return open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)


def check_pipe(info: SourceInfo, options: WriteOptions, timing: Timing) -> None:
    """Makes sure that frames can go through a pipe as asked.

    Raises:
        ValueError: if they cannot.
    """
    if options.resume:
        raise ValueError("--resume has no meaning for a pipe; leave it out")
    _header(info, timing, options.bit_depth)
    if options.play:
        _player()


def pipe_sink(info: SourceInfo, options: WriteOptions, timing: Timing) -> PipeSink:
    """Standard output, or a player that has been started."""
    header, turn = _header(info, timing, options.bit_depth), info.display_matrix
    if options.play:
        return PlayerSink(header, _player(), timing.speed, turn)
    return PipeSink(header, _standard_output(), turn)
