"""Pictures beside the video: cover art, and a second video that is copied as it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from vfi.video.read.media import open_video, tick
from vfi.video.write.tracks import Track

COVERS = {"mjpeg": "image/jpeg", "png": "image/png"}
"""The codecs of cover art, and what kind of file each is."""


@dataclass
class CopiedVideo(Track):
    """A further video, from the first picture on that can be decoded by itself."""

    def _packets(
        self, container: InputContainer, source: Stream
    ) -> Iterator[tuple[Fraction, Packet]]:
        # Matroska says only when pictures are shown; when they are decoded follows from the order.
        with open_video(self.passage.path) as again:
            shown = [packet.pts or 0 for packet in self._begun(again, again.streams[self.index])]
        order = sorted(shown)
        rank = {time: number for number, time in enumerate(order)}
        delay = max((count - rank[time] for count, time in enumerate(shown)), default=0)
        step = order[1] - order[0] if len(order) > 1 else 1
        for count, packet in enumerate(self._begun(container, source)):
            late = count - delay
            packet.dts = order[late] if late >= 0 else order[0] + late * step
            yield packet.dts * tick(packet), packet

    def _begun(self, container: InputContainer, source: Stream) -> Iterator[Packet]:
        begun = False
        for packet in self._demux(container, source):
            begun = begun or packet.is_keyframe
            if begun:
                yield self._placed(packet, packet)[1]


@dataclass
class Cover(Track):
    """Cover art as a stream of one picture."""

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        """The one packet, at 0."""
        with open_video(self.passage.path) as container:
            packet = _picture(container, self.index)
        packet.stream, packet.time_base = self._stream, Fraction(1, 90_000)
        packet.pts = packet.dts = 0
        yield Fraction(0), packet


@dataclass
class AttachedCover(Track):
    """Cover art as an attached file, which is how Matroska has it."""

    how: ClassVar[str] = "attached"

    def add(self, output: OutputContainer) -> None:
        """Adds the picture, and no packets."""
        with open_video(self.passage.path) as container:
            codec = container.streams[self.index].codec_context.codec.canonical_name
            data = bytes(_picture(container, self.index))
        kind = COVERS[codec]
        output.add_attachment(f"cover.{kind.rpartition('/')[2]}", kind, data)

    def packets(self) -> Iterator[tuple[Fraction, Packet]]:
        """None."""
        return iter(())


def _picture(container: InputContainer, index: int) -> Packet:
    for packet in container.demux(container.streams[index]):
        if packet.size:
            return packet
    raise ValueError(f"stream {index} holds no picture")
