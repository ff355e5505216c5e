"""The light of HDR is kept where the output can tell it."""

import av
import pytest

from vfi.video import interpolate_video
from vfi.video.read.light import light_of
from vfi.video.write.light import display


@pytest.mark.parametrize(
    ("out", "codec"),
    [
        ("a.mkv", "h265"),
        ("a.mkv", "vp9"),
        ("a.mkv", "ffv1"),
        ("a.mp4", "h265"),
        ("a.mp4", "av1"),
        ("a.mp4", "h264"),
        ("a.webm", "av1"),
    ],
)
def test_the_light_of_hdr(cases, tmp_path, blend, out, codec):
    interpolate_video(cases / "hdr10.mkv", tmp_path / out, blend, codec=codec)
    found = []
    for path in (cases / "hdr10.mkv", tmp_path / out):
        with av.open(str(path)) as container:
            light = light_of(next(container.decode(video=0)))
        found.append((display(light, 50_000, 10_000), light.levels))
    assert found[0] == found[1]
    assert found[0][1] == (1000, 400)


def test_light_that_is_lost_is_said(cases, tmp_path, blend, caplog):
    summary = interpolate_video(cases / "hdr10.mkv", tmp_path / "out.mov", blend, codec="prores")
    assert summary.changed == ["prores in mov does not tell the light of HDR"]
    assert "does not tell the light" in caplog.text
