"""Folders of triplets: what is in them, and every way that can be wrong."""

import pickle
from pathlib import Path

import pytest
import torch

from tests.helpers.small_media import textured, write_png
from vfi.data import TripletFolder
from vfi.files import natural_key


@pytest.mark.parametrize("name", ["frame_00.png", "frame_01_gt.png", "frame_02.png"])
def test_half_a_triplet(ucf101: Path, name: str) -> None:
    (ucf101 / "2" / name).unlink()
    with pytest.raises(ValueError, match=rf"half a triplet: 2/{name} missing"):
        TripletFolder(ucf101)


def test_frames_of_different_sizes(ucf101: Path) -> None:
    write_png(ucf101 / "10" / "frame_02.png", textured(0, height=23))
    with pytest.raises(ValueError, match=r"different sizes.*10/frame_02.png is 32x23"):
        TripletFolder(ucf101)
    with pytest.raises(ValueError, match=r"different sizes.*32x24, 32x24, 32x23"):
        TripletFolder(ucf101, check=False)[2]


@pytest.mark.parametrize("content", [b"just words\n" * 9, b""])
def test_text_named_png(ucf101: Path, content: bytes) -> None:
    (ucf101 / "1" / "frame_00.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"frame_00.png is not a PNG image"):
        TripletFolder(ucf101)
    with pytest.raises(ValueError, match=r"frame_00.png is not a readable image"):
        TripletFolder(ucf101, check=False)[0]


@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_truncated_png(ucf101: Path, kept: float) -> None:
    path = ucf101 / "1" / "frame_02.png"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=r"frame_02.png is cut short"):
        TripletFolder(ucf101)


def test_identity_follows_the_contents(ucf101: Path) -> None:
    first = TripletFolder(ucf101).identity()
    assert first == TripletFolder(ucf101).identity()
    assert (first["count"], first["kind"], first["benchmark"]) == (3, "ucf101", False)
    write_png(ucf101 / "1" / "frame_00.png", textured(999))
    assert TripletFolder(ucf101).identity()["sha256"] != first["sha256"]


def test_pickles_small(ucf101: Path) -> None:
    dataset = TripletFolder(ucf101)
    content = pickle.dumps(dataset)
    assert len(content) < 1000
    assert torch.equal(pickle.loads(content)[1]["gt"], dataset[1]["gt"])


def test_the_benchmark_is_recognised(ucf101_root: Path) -> None:
    dataset = TripletFolder(ucf101_root)
    identity = dataset.identity()
    assert (identity["count"], identity["benchmark"]) == (379, True)
    assert dataset[0]["id"] == "1"
    assert dataset[378]["id"] == "3781"
    assert dataset[0]["img0"].shape == (3, 256, 256)


def test_natural_order_copes_with_mixed_names() -> None:
    names = ["b", "10", "a10", "a9", "9", "a", "010"]
    assert sorted(names, key=natural_key) == ["9", "010", "10", "a", "a9", "a10", "b"]
