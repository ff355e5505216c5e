"""Pictures that can be seen through: alpha is interpolated and kept, or said to be lost."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.codec import Codec

from vfi.video import interpolate_video

SIZE = 48


def seen_through(number: int) -> np.ndarray:
    """``(H, W, 4)`` RGBA: an orange square that fades in, moving; black where it is not."""
    image = np.zeros((SIZE, SIZE, 4), np.uint8)
    image[12:36, 8 + 4 * number : 24 + 4 * number] = (230, 120, 40, 130 + 30 * number)
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "images"
    path.mkdir()
    for number in range(4):
        image = cv2.cvtColor(seen_through(number), cv2.COLOR_RGBA2BGRA)
        cv2.imwrite(str(path / f"{number}.png"), image)
    return path


def clip(path: Path, codec: str, pix_fmt: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width = stream.height = SIZE
        stream.pix_fmt = pix_fmt
        if codec == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"
            stream.options = {"crf": "8", "b": "0"}
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(seen_through(number), "rgba")
            frame = frame.reformat(format=pix_fmt)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def look(path: Path) -> list[np.ndarray]:
    """Frames as RGBA."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream
        if stream.codec_context.codec.canonical_name == "vp9":
            assert "alpha_mode" in map(str.lower, stream.metadata)
            decoder = Codec("libvpx-vp9", "r").create("video")
        for packet in container.demux(stream):
            frames += decoder.decode(packet if packet.size else None)
        return [frame.reformat(format="rgba").to_ndarray() for frame in frames]


def check(images: list[np.ndarray], loss: float) -> None:
    """Originals as they were; new frames half as opaque where only one has something."""
    assert len(images) == 8 or len(images) == 7
    for number in range(4):
        assert (
            np.abs(images[2 * number][..., 3].astype(float) - seen_through(number)[..., 3]).mean()
            < loss
        )
    middle = images[1]
    expected = (seen_through(0)[..., 3].astype(float) + seen_through(1)[..., 3]) / 2
    assert np.abs(middle[..., 3] - expected).mean() < loss + 1
    alone = middle[16:32, 9:11].astype(float)  # only in the first
    assert np.abs(alone[..., :3] - (230, 120, 40)).mean() < 12 + 2 * loss  # not darkened by nothing
    assert np.abs(alone[..., 3] - 65).mean() < 6 + loss


def test_images(folder, tmp_path, blend):
    interpolate_video(folder, tmp_path / "out", blend, cut_threshold=None)
    paths = sorted((tmp_path / "out").iterdir())
    read = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
    images = [cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA) for image in read]
    check(images, 0.5)
    assert all(np.array_equal(images[2 * n], seen_through(n)) for n in range(4))


def test_the_middle_of_two_images(folder, tmp_path, blend):
    interpolate_video(folder / "0.png", tmp_path / "out.png", blend, second=folder / "1.png")
    image = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    assert image.shape == (SIZE, SIZE, 4)
    assert abs(int(image[20, 9, 3]) - 65) <= 1


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("in.webm", "libvpx-vp9", "yuva420p"),
        ("in.mov", "prores_ks", "yuva444p10le"),
        ("in.mkv", "ffv1", "yuva420p"),
        ("in.mkv", "ffv1", "bgra"),
        ("in.mov", "png", "rgba"),
    ],
)
@pytest.mark.parametrize(
    ("out", "codec_out"),
    [("out.webm", "vp9"), ("out.mkv", "vp9"), ("out.mov", "prores"), ("out.mkv", "ffv1")],
)
def test_videos(tmp_path, blend, name, codec, pix_fmt, out, codec_out):
    path = clip(tmp_path / name, codec, pix_fmt)
    summary = interpolate_video(path, tmp_path / out, blend, codec=codec_out, cut_threshold=None)
    assert not any("alpha" in line for line in summary.changed)
    check(
        look(tmp_path / out), 4 if "vp9" in (codec_out, codec[3:]) or codec == "libvpx-vp9" else 2
    )


def test_gif(folder, tmp_path, blend):
    interpolate_video(folder, tmp_path / "out.gif", blend, cut_threshold=None)
    images = look(tmp_path / "out.gif")
    assert len(images) == 7
    assert images[0][0, 0, 3] == 0
    assert images[0][20, 12, 3] == 255
    interpolate_video(tmp_path / "out.gif", tmp_path / "again", blend, multiplier=2)
    again = cv2.imread(str(tmp_path / "again" / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert again.shape[2] == 4


def test_lost_alpha_is_said_once(tmp_path, blend, caplog):
    path = clip(tmp_path / "in.webm", "libvpx-vp9", "yuva420p")
    summary = interpolate_video(path, tmp_path / "out.mp4", blend)
    assert caplog.text.count("alpha is lost: h264 in mp4 has none") == 1
    assert len(summary.changed) == 1
    interpolate_video(path, tmp_path / "out.webm", blend, codec="av1", cut_threshold=None)
    with av.open(str(tmp_path / "out.webm")) as container:
        assert "alpha_mode" not in map(str.lower, container.streams.video[0].metadata)


def test_the_real_cases(cases, tmp_path, blend):
    interpolate_video(cases / "alpha_png", tmp_path / "out", blend)
    before = sorted((cases / "alpha_png").glob("*.png"))
    after = sorted((tmp_path / "out").iterdir())
    assert len(after) == 2 * len(before) - 1
    for number, path in enumerate(before):
        pair = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in (path, after[2 * number])]
        assert np.array_equal(*pair)
