"""How known sets lie in their folders."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.small_media import textured, write_png
from vfi.data import TripletFolder


def test_ucf101_is_read_in_natural_order(ucf101: Path) -> None:
    dataset = TripletFolder(ucf101)
    assert [dataset[i]["id"] for i in range(len(dataset))] == ["1", "2", "10"]
    item = dataset[2]
    assert item["index"] == 2
    assert item["timestep"] == 0.5
    for place, key in enumerate(("img0", "gt", "img1")):
        assert item[key].dtype == torch.uint8
        np.testing.assert_array_equal(item[key].numpy().transpose(1, 2, 0), textured(100 + place))


def test_other_files_beside_the_triplets_are_ignored(ucf101: Path) -> None:
    (ucf101 / "README.txt").write_text("words")
    (ucf101 / "figures").mkdir()
    write_png(ucf101 / "1" / "frame_01_ours.png", textured(0))
    assert len(TripletFolder(ucf101)) == 3


def test_vimeo90k(tmp_path: Path) -> None:
    for name in ("00001/0002", "00001/0001"):
        for i in (1, 2, 3):
            write_png(tmp_path / "sequences" / name / f"im{i}.png", textured(i))
    (tmp_path / "tri_testlist.txt").write_text("00001/0002\r\n00001/0001\r\n\r\n")
    (tmp_path / "tri_trainlist.txt").write_text("00001/0001\n")
    test = TripletFolder(tmp_path, "vimeo90k")
    assert [triplet.id for triplet in test.triplets] == ["00001/0002", "00001/0001"]
    assert torch.equal(test[0]["gt"], torch.from_numpy(textured(2).transpose(2, 0, 1)))
    assert len(TripletFolder(tmp_path, "vimeo90k", split="train")) == 1


def test_middlebury_takes_scenes_with_a_truth(tmp_path: Path) -> None:
    for scene in ("Venus", "Beanbags", "NoTruth"):
        write_png(tmp_path / "other-data" / scene / "frame10.png", textured(0))
        write_png(tmp_path / "other-data" / scene / "frame11.png", textured(2))
        if scene != "NoTruth":
            write_png(tmp_path / "other-gt-interp" / scene / "frame10i11.png", textured(1))
    dataset = TripletFolder(tmp_path, "middlebury")
    assert [triplet.id for triplet in dataset.triplets] == ["Beanbags", "Venus"]
    assert torch.equal(dataset[0]["img1"], torch.from_numpy(textured(2).transpose(2, 0, 1)))


@pytest.mark.parametrize("folder", [".", "eval_modes"])
def test_snufilm_lists_start_with_the_authors_folder(tmp_path: Path, folder: str) -> None:
    paths = [f"test/GOPRO_test/G1/00000{i}.png" for i in (1, 2, 3)]
    for i, path in enumerate(paths):
        write_png(tmp_path / path, textured(i))
    (tmp_path / folder).mkdir(exist_ok=True)
    line = " ".join(f"data/SNU-FILM/{path}" for path in paths)
    (tmp_path / folder / "test-extreme.txt").write_text(f"{line}\n")
    dataset = TripletFolder(tmp_path, "snufilm", split="extreme")
    assert [triplet.id for triplet in dataset.triplets] == ["test/GOPRO_test/G1/000002"]
    assert torch.equal(dataset[0]["img0"], torch.from_numpy(textured(0).transpose(2, 0, 1)))
    with pytest.raises(FileNotFoundError, match=r"no list test-easy.txt"):
        TripletFolder(tmp_path, "snufilm", split="easy")


def test_unknown_layout_and_split(ucf101: Path) -> None:
    with pytest.raises(ValueError, match=r"'davis'.*allowed: ucf101, vimeo90k"):
        TripletFolder(ucf101, "davis")
    with pytest.raises(ValueError, match=r"split 'huge'.*easy, medium, hard, extreme"):
        TripletFolder(ucf101, "snufilm", split="huge")
    with pytest.raises(ValueError, match=r"split 'test' of ucf101; allowed: none"):
        TripletFolder(ucf101, split="test")


def test_missing_empty_and_file_for_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere; give a folder with <id>"):
        TripletFolder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no triplets in .*frame_01_gt.png"):
        TripletFolder(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"is a file"):
        TripletFolder(tmp_path / "file")
