"""The picture of what a training is shown."""

from pathlib import Path

import cv2
import pytest

from tests.helpers.photos import write_photos
from vfi.cli import main
from vfi.data import Augment, TrainData
from vfi.jobs.preview import preview


def test_triplets_are_drawn_in_a_grid(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", train=3, held_out=0)
    train = TrainData("rendered", str(photos), steps=2, batch_size=3, augment=Augment(crop=32))
    preview(train, rows=2, columns=3, output=str(tmp_path / "sheet.png"))
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * 36, 3 * (3 * 32 + 4), 3)
    with pytest.raises(ValueError, match="6 triplets are too few for 3 x 3: raise train.steps"):
        preview(train, rows=3, columns=3, output=str(tmp_path / "more.png"))
    assert not (tmp_path / "more.png").exists()


def test_as_a_command(tmp_path: Path) -> None:
    output = tmp_path / "sheet.jpg"
    words = ["preview", "--rows", "1", "--columns", "2", "--size", "24", "--output", str(output)]
    assert main(words) == 0
    assert cv2.imread(str(output)).shape == (28, 2 * 76, 3)
    assert main(["preview", "--rows", "0"]) == 2
