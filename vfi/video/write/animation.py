"""What animations share, whatever their format: frames with times, encoded and packed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vfi.video.read.media import media_name


@dataclass(frozen=True)
class Animation:
    """How an animation is written.

    Attributes:
        format: its name, which is that of its codec, too.
        size: width and height, pixels.
        pixels: name of their layout.
        unit: of times, seconds.
        rate: frames a second, for the header.
        options: of the container.
    """

    format: str
    size: tuple[int, int]
    pixels: str
    unit: Fraction
    rate: Fraction
    options: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: Path, frames: Iterable[VideoFrame], times: Sequence[int]) -> None:
        """Writes it.

        Args:
            path: the file.
            frames: in their layout or another.
            times: every frame's in units and, last, that of the end.
        """
        options = dict(self.options)
        with av.open(media_name(path), "w", format=self.format, options=options) as output:
            stream = output.add_stream(self.format, rate=self.rate)
            if not isinstance(stream, VideoStream):
                raise TypeError(f"{self.format} does not encode pictures")
            stream.width, stream.height = self.size
            stream.pix_fmt = self.pixels
            stream.codec_context.time_base = stream.time_base = self.unit
            for count, frame in enumerate(frames):
                if frame.format.name != self.pixels:
                    frame = frame.reformat(format=self.pixels)
                frame.pts, frame.time_base = times[count] - times[0], self.unit
                for packet in stream.encode(frame):
                    packet.duration = times[count + 1] - times[count]
                    output.mux(packet)
            output.mux(stream.encode(None))
