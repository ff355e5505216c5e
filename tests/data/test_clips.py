"""Finding, choosing and decoding clips."""

import logging
from pathlib import Path

import pytest

from tests.helpers.paths import CONFIGS
from tests.helpers.small_media import LENGTHS, numbered, write_clip, write_png
from vfi.data import find_clips, select_clips
from vfi.data.clips import choose_clips
from vfi.data.decoding import DamagedClipError, count_frames, decode

VAL_SPLIT = CONFIGS / "splits" / "train_clips_val.txt"


def test_find_clips_at_any_depth_in_natural_order(clips: Path) -> None:
    assert [clip.name for clip in find_clips(clips)] == sorted(LENGTHS)


def test_decode_gives_every_frame_in_order(clips: Path) -> None:
    for clip in find_clips(clips):
        numbers = [int(frame.rgb()[0, 0, 0]) for frame in decode(clip)]
        assert numbers == list(range(LENGTHS[clip.name]))
        assert count_frames(clip) == LENGTHS[clip.name]


def test_hidden_files_are_neither_clips_nor_images(clips: Path) -> None:
    before = [
        (clip.name, len(clip.images()) if clip.path.is_dir() else 0) for clip in find_clips(clips)
    ]
    (clips / "._a.mkv").write_bytes(b"\0\5\x16\7")
    (clips / "images" / "._0.png").write_bytes(b"\0\5\x16\7")
    after = [
        (clip.name, len(clip.images()) if clip.path.is_dir() else 0) for clip in find_clips(clips)
    ]
    assert after == before


def test_short_side_shrinks_only_larger_frames(tmp_path: Path) -> None:
    write_clip(tmp_path / "x.mkv", numbered(0, 3, side=64))
    (clip,) = find_clips(tmp_path)
    assert next(decode(clip, 16)).rgb().shape == (16, 16, 3)
    assert next(decode(clip, 100)).rgb().shape == (64, 64, 3)


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no clips in"):
        find_clips(tmp_path)


def test_ucf101_lists_with_and_without_labels(tmp_path: Path) -> None:
    for name in ("v_Archery_g01_c01.avi", "v_Archery_g02_c01.avi"):
        write_clip(tmp_path / "flat" / name, numbered(0, 3))
        write_clip(tmp_path / "classes" / "Archery" / name, numbered(0, 3))
    (tmp_path / "trainlist01.txt").write_text("Archery/v_Archery_g02_c01.avi 3\r\nA/absent.avi 1\n")
    (tmp_path / "testlist01.txt").write_text("Archery/v_Archery_g01_c01.avi\n")
    for folder, prefix in (("flat", ""), ("classes", "Archery/")):
        found = find_clips(tmp_path / folder)
        train, absent = select_clips(found, tmp_path / "trainlist01.txt")
        assert (train, absent) == ({f"{prefix}v_Archery_g02_c01.avi"}, 1)
        test, absent = select_clips(found, tmp_path / "testlist01.txt")
        assert (test, absent) == ({f"{prefix}v_Archery_g01_c01.avi"}, 0)


def test_choose_and_hold_out(clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("# the first\na.mkv  # why\n\nd.mkv\nimages\nabsent.mp4\n")
    with caplog.at_level(logging.WARNING):
        assert {c.name for c in choose_clips(clips, listed)} == {"a.mkv", "deep/d.mkv", "images"}
    assert "1 clips listed" in caplog.text
    assert {c.name for c in choose_clips(clips, None, listed)} == {"b.avi", "c.mkv"}
    with pytest.raises(ValueError, match="holds out all"):
        choose_clips(clips, listed, listed)
    listed.write_text("other.mp4\n")
    with pytest.raises(ValueError, match="names none of the 5 clips"):
        choose_clips(clips, hold_out=listed)
    with pytest.raises(FileNotFoundError, match="no list of clips"):
        choose_clips(clips, tmp_path / "nowhere.txt")


@pytest.mark.parametrize("name", ["x.avi", "x.mkv", "x.mp4"])
@pytest.mark.parametrize("kept", [0.4, 0.9])
def test_truncated_clips_are_noticed(tmp_path: Path, name: str, kept: float) -> None:
    codec = "mpeg4" if name == "x.mp4" else "ffv1"
    path = write_clip(tmp_path / name, numbered(0, 80), codec)
    (clip,) = find_clips(tmp_path)
    assert sum(1 for _ in decode(clip)) == 80
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DamagedClipError):
        list(decode(clip))


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("words")
    (tmp_path / "empty.avi").write_bytes(b"")
    for clip in find_clips(tmp_path):
        assert count_frames(clip) == 0
        with pytest.raises(DamagedClipError):
            list(decode(clip))


def test_damaged_image_of_a_sequence(tmp_path: Path) -> None:
    for number, frame in enumerate(numbered(0, 4)):
        write_png(tmp_path / "seq" / f"{number}.png", frame)
    (tmp_path / "seq" / "2.png").write_text("words")
    (clip,) = find_clips(tmp_path)
    with pytest.raises(ValueError, match=r"2\.png is not a readable image"):
        [frame.rgb() for frame in decode(clip)]


def test_the_shipped_validation_split_fits_the_clips(clips_root: Path) -> None:
    held_out, absent = select_clips(find_clips(clips_root), VAL_SPLIT)
    assert (len(held_out), absent) == (8, 0)
    assert len(choose_clips(clips_root, hold_out=VAL_SPLIT)) == 38
