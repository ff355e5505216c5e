"""The validation triplets: spread over each clip, in turns of strides, the same each time."""

import logging
from pathlib import Path

import pytest
import torch

from tests.helpers.small_media import numbered, textured, write_clip
from vfi.data import ClipTriplets, TripletFilter

KEEP_ALL = TripletFilter(static=0, uneven=0)


def test_triplets_are_spread_and_take_strides_in_turns(tmp_path: Path) -> None:
    write_clip(tmp_path / "x.mkv", numbered(7, 40))
    dataset = ClipTriplets(tmp_path, strides=(1, 3), per_clip=4, size=16, keep=KEEP_ALL)
    assert len(dataset) == 4
    spread = [tuple(int(item[key][0, 0, 0]) for key in ("img0", "gt", "img1")) for item in dataset]
    assert spread == [(4, 5, 6), (12, 15, 18), (21, 22, 23), (29, 32, 35)]
    assert dataset[1]["id"] == "x.mkv@12+3"
    assert dataset[1]["index"] == 1
    assert dataset[1]["gt"].shape == (3, 16, 16)


def test_twice_is_the_same_and_the_identity_says_so(clips: Path) -> None:
    options = {"strides": (1, 2), "per_clip": 3, "size": 16, "keep": KEEP_ALL}
    first, second = ClipTriplets(clips, **options), ClipTriplets(clips, **options)
    assert first.ids == second.ids
    assert torch.equal(first.frames, second.frames)
    assert first.identity() == second.identity()
    assert first.frames.is_shared()
    assert first.frames.is_contiguous()
    options["size"] = 24
    assert ClipTriplets(clips, **options).identity()["sha256"] != first.identity()["sha256"]


def test_centre_crop_and_enlarging(tmp_path: Path) -> None:
    frames = [textured(n, 48, 64) for n in range(5)]
    write_clip(tmp_path / "x.mkv", frames)
    crop = ClipTriplets(tmp_path, strides=(1,), per_clip=1, size=32, keep=KEEP_ALL)[0]
    start = int(crop["id"].split("@")[1].split("+")[0])
    expected = torch.from_numpy(frames[start][8:40, 16:48].transpose(2, 0, 1))
    assert torch.equal(crop["img0"], expected)
    assert ClipTriplets(tmp_path, strides=(1,), size=96, keep=KEEP_ALL)[0]["gt"].shape[1:] == (
        96,
        96,
    )


def test_static_triplets_and_damaged_clips_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_clip(tmp_path / "still.mkv", [textured(0)] * 9)
    write_clip(tmp_path / "short.mkv", numbered(0, 4))
    (tmp_path / "words.mp4").write_text("words")
    write_clip(tmp_path / "good.mkv", numbered(0, 12))
    with caplog.at_level(logging.WARNING):
        dataset = ClipTriplets(tmp_path, strides=(1, 2), per_clip=2, size=16)
    assert {name.partition("@")[0] for name in dataset.ids} == {"good.mkv"}
    assert "words.mp4 is damaged" in caplog.text
    assert "short.mkv is damaged" in caplog.text


def test_nothing_left_and_bad_options(tmp_path: Path, clips: Path) -> None:
    write_clip(tmp_path / "still.mkv", [textured(0)] * 9)
    with pytest.raises(ValueError, match=r"no triplet of .* is fit"):
        ClipTriplets(tmp_path, size=16)
    for options in ({"per_clip": 0}, {"size": 8}, {"strides": ()}, {"strides": (0, 1)}):
        with pytest.raises(ValueError, match=r"are needed"):
            ClipTriplets(clips, **options)
