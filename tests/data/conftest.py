"""Small sets and clips."""

from pathlib import Path

import pytest

from tests.helpers.small_media import LENGTHS, numbered, textured, write_clip, write_png


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four video files and an image sequence, lossless, as in ``LENGTHS``."""
    root = tmp_path_factory.mktemp("clips")
    for clip, (name, count) in enumerate(LENGTHS.items()):
        if name == "images":
            for number, frame in enumerate(numbered(clip, count)):
                write_png(root / name / f"{number}.png", frame)  # not padded: 10 must follow 9
        else:
            write_clip(root / name, numbered(clip, count))
    return root


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    """A folder in the UCF-101 layout with the triplets 1, 2 and 10."""
    for identifier in (1, 2, 10):
        for place, name in enumerate(("frame_00.png", "frame_01_gt.png", "frame_02.png")):
            write_png(tmp_path / "ucf" / str(identifier) / name, textured(identifier * 10 + place))
    return tmp_path / "ucf"
