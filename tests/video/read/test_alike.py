"""Recordings that are joined, though their pictures are not alike."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from tests.helpers.media import Pictures, make
from vfi.video.read.colour import BT601, BT709, FULL, LIMITED, ColourTags, spec_of
from vfi.video.read.open import open_source
from vfi.video.read.window import Window

BLUE = (0.15, 0.35, 0.75)


def plain(path: Path, tags: ColourTags) -> bytes:
    """A bare stream of one colour, in codes of which these tags tell the range and the matrix."""
    colour = torch.tensor(BLUE)[:, None, None].expand(3, 48, 64)
    codes = spec_of("yuv420p", tags, 48).from_rgb(colour)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace = tags.range, tags.matrix
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        for number in range(3):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, code in zip(frame.planes, codes, strict=True):
                plane.update(bytes([int(code[0, 0])]) * plane.buffer_size)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (ColourTags(FULL, BT601, BT709, BT709), "matrix or range changes; they are converted"),
        (ColourTags(FULL, BT709, BT709, BT709), "matrix or range changes; they are converted"),
        (ColourTags(LIMITED, BT601, BT709, BT709), "matrix or range changes; they are converted"),
        (ColourTags(LIMITED, BT709, 9, 16), "the first are told throughout"),
        (ColourTags(LIMITED, BT709, BT709, BT709), ""),
    ],
)
def test_colours_whose_tags_change(tmp_path, tags, said):
    clip = tmp_path / "in.h264"
    first = ColourTags(LIMITED, BT709, BT709, BT709)
    clip.write_bytes(plain(tmp_path / "a.h264", first) + plain(tmp_path / "b.h264", tags))
    source = open_source(clip)
    shown = [picture.rgb()[:, 20, 30].tolist() for picture in source.pictures()]
    assert len(shown) == 6
    for colour in shown:
        assert colour == pytest.approx(BLUE, abs=0.012)
    assert any(said in problem for problem in source.problems) == bool(said)
    assert source.info.tags == first


@pytest.mark.parametrize("start", [Fraction(0), Fraction(3, 5)])
def test_a_shape_of_pixels_that_changes(tmp_path, start):
    shapes = [Fraction(16, 15), Fraction(64, 45)]
    files = [make(tmp_path / f"{k}.h264", Pictures(aspect=s)) for k, s in enumerate(shapes)]
    clip = tmp_path / "in.h264"
    clip.write_bytes(b"".join(file.read_bytes() for file in files))
    source = open_source(clip, window=Window(start))
    assert source.info.aspect == shapes[0]
    assert len(list(source.pictures())) == (9 if start else 24)
    assert source.problems == ["the shape of pixels changes; the first is told throughout"]


def test_pictures_of_more_bits_than_the_first(tmp_path):
    kinds = ("yuv420p", "yuv420p10le")
    files = [make(tmp_path / f"{k}.h264", Pictures(pix_fmt=k)) for k in kinds]
    clip = tmp_path / "in.h264"
    clip.write_bytes(b"".join(file.read_bytes() for file in files))
    source = open_source(clip)
    assert len(list(source.pictures())) == 24
    assert source.problems == ["some pictures have more than 8 bits, which are read as 8"]
