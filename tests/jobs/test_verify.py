"""The verify job on whole and broken folders."""

from pathlib import Path

import pytest

from tests.helpers.small_media import numbered, textured, write_clip, write_png
from vfi.data.triplets import expected_checksums
from vfi.files import sha256
from vfi.jobs import verify as job
from vfi.jobs.verify import verify


@pytest.fixture
def known(ucf101: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small folder, as if it were the benchmark."""
    sums = {
        path.relative_to(ucf101).as_posix(): sha256(path) for path in sorted(ucf101.rglob("*.png"))
    }
    monkeypatch.setattr(job, "expected_checksums", lambda: sums)
    monkeypatch.setitem(job.LAYOUTS["ucf101"].counts, "", 3)
    return ucf101


def test_manifest_lists_the_benchmark() -> None:
    sums = expected_checksums()
    assert len(sums) == 3 * 379
    assert all(len(digest) == 64 for digest in sums.values())
    names = {"frame_00.png", "frame_01_gt.png", "frame_02.png"}
    assert {path.partition("/")[2] for path in sums} == names


def test_the_benchmark_is_intact(ucf101_root: Path) -> None:
    verify(str(ucf101_root))


def test_intact(known: Path) -> None:
    verify(str(known))


def test_every_fault_is_named(known: Path) -> None:
    (known / "1" / "frame_00.png").unlink()
    write_png(known / "2" / "frame_00.png", textured(1))
    (known / "2" / "frame_02.png").write_text("words")
    write_png(known / "77" / "frame_00.png", textured(5))
    with pytest.raises(ValueError, match=r"is not intact") as caught:
        verify(str(known))
    for words in (
        "4 triplets instead of 3",
        "missing: 1/frame_00.png",
        "damaged: 2/frame_00.png (32x24 pixels, not 256x256)",
        "damaged: 2/frame_02.png (not a readable image)",
        "superfluous: 77/frame_00.png",
    ):
        assert words in str(caught.value)


def test_long_lists_of_faults_are_cut(ucf101: Path) -> None:
    with pytest.raises(ValueError, match=r"3 triplets instead of 379; .*and \d{4} more$"):
        verify(str(ucf101))


def test_other_layouts_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(job.LAYOUTS["middlebury"].counts, "", 1)
    for path in ("other-data/A/frame10", "other-data/A/frame11", "other-gt-interp/A/frame10i11"):
        write_png(tmp_path / f"{path}.png", textured(1))
    verify(str(tmp_path), "middlebury")
    write_png(tmp_path / "other-data/A/frame11.png", textured(1, height=8))
    with pytest.raises(ValueError, match=r"different sizes: A"):
        verify(str(tmp_path), "middlebury")
    (tmp_path / "other-data/A/frame10.png").unlink()
    with pytest.raises(ValueError, match=r"missing: other-data/A/frame10.png"):
        verify(str(tmp_path), "middlebury")


def test_video(clips: Path, tmp_path: Path) -> None:
    verify(str(clips), "video")
    path = write_clip(tmp_path / "x.avi", numbered(1, 60))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ValueError, match=r"damaged: x.avi \("):
        verify(str(tmp_path), "video")


def test_unknown_source_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'davis'; allowed: ucf101, .*video"):
        verify(str(tmp_path), "davis")
    with pytest.raises(FileNotFoundError, match=r"no folder"):
        verify(str(tmp_path / "nowhere"))
