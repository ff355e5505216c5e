"""Clips are held out, whole, where nobody named any."""

import json
import logging
from pathlib import Path

import pytest

from tests.helpers.small_media import numbered, write_clip
from vfi.data import TrainData, ValData
from vfi.data.clips import Clip, choose_clips
from vfi.data.module import TripletDataModule
from vfi.data.split import held_out, video_of, with_default_split


def test_parts_of_a_video_are_known_by_their_names():
    same = [
        ("a/v_Surfing_g08_c01.avi", "a/v_Surfing_g08_c02.avi"),
        ("match part 1.mp4", "match part 2.mp4"),
        ("walk-001.mkv", "walk-002.mkv"),
    ]
    others = [
        ("v_Surfing_g08_c01.avi", "v_Surfing_g09_c01.avi"),
        ("a/x_1.mp4", "b/x_1.mp4"),
        ("01_dog.mp4", "02_cups.mp4"),
        ("1.mp4", "2.mp4"),
    ]
    assert all(video_of(one) == video_of(other) for one, other in same)
    assert all(video_of(one) != video_of(other) for one, other in others)


def test_whole_videos_are_held_out_whatever_the_order():
    names = [f"{video}_c{part}.mp4" for video in "abcdefghijklmnopqrst" for part in (1, 2, 3)]
    clips = [Clip(name, Path(name)) for name in names]
    held = held_out(clips, "clips")
    assert len(held) == 9  # 3 of 20 videos
    assert {video_of(name) for name in held}.isdisjoint(
        video_of(name) for name in names if name not in held
    )
    assert held_out(clips[::-1], "clips") == held


@pytest.mark.parametrize("val", [ValData(size=16), ValData("video", size=16)])
def test_what_is_trained_on_is_not_validated_on(clips, val, caplog):
    data = TripletDataModule(train=TrainData("video", str(clips)), val=val, num_workers=0)
    with caplog.at_level(logging.INFO):
        data.setup("fit")
    learnt, held = ({clip.name for clip in part.clips} for part in (data.train_set, data.val_set))
    assert len(held) == 1
    assert not learnt & held
    assert learnt | held == {clip.name for clip in choose_clips(clips)}
    assert f"held out: {min(held)}" in caplog.text
    assert json.loads(json.dumps(data.validated.clips)) == [*held]


def test_lists_and_other_data_are_left_as_they_are(clips):
    root = str(clips)
    for train, val in (
        (TrainData("video", root, hold_out="list.txt"), ValData("video", root, clips="list.txt")),
        (TrainData("video", root), ValData("video", "elsewhere")),
        (TrainData("video", root), ValData("sample")),
        (TrainData("vimeo90k", root), ValData()),
    ):
        assert with_default_split(train, val) == (train, val)


def test_parts_of_one_video_alone_are_refused(tmp_path):
    for part in (1, 2):
        write_clip(tmp_path / f"walk_{part}.mkv", numbered(part, 9))
    with pytest.raises(ValueError, match=r"all 2 in .* may be parts of one video.*hold_out"):
        with_default_split(TrainData("video", str(tmp_path)), ValData())
