"""Files and folders that are not what they should be: one line that names them, at once."""

import os
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.small_media import textured, write_png
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.data.clips import choose_clips
from vfi.data.heldout import ClipTriplets
from vfi.data.images import png_size, read_rgb
from vfi.data.module import TripletDataModule
from vfi.files import atomic_path, check_not_input, locked, writable_folder
from vfi.models import RIFE
from vfi.training.runfolder import check_folder


def _zip_with(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _png_header(width: int, height: int) -> bytes:
    header = struct.pack(">I4sII5B", 13, b"IHDR", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + header + bytes(4)
    return start + struct.pack(">I4s", 0, b"IEND") + b"\xaeB`\x82"


def _broken_weights(path: Path, kind: str) -> Path:
    """A file (or what is none) that is not a network's weights."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        return Path(os.devnull)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("weights?\n" * 50)
    elif kind == "json":
        path.write_text("{}")
    elif kind == "png":
        write_png(path.with_suffix(".png"), textured(0)).rename(path)
    elif kind == "zip":
        _zip_with(path, a=b"b")
    elif kind == "tensor":
        torch.save(torch.zeros(3), path)
    elif kind == "list":
        torch.save([1, 2], path)
    elif kind == "foreign":
        torch.save({"layer.weight": torch.zeros(3, 3)}, path)
    elif kind == "code":
        torch.save({"f": print, "state_dict": {}}, path)
    elif kind == "lightning":
        torch.save({"state_dict": {}, "epoch": 1}, path)
    elif kind == "header":
        path.write_bytes(struct.pack("<Q", 2**62) + b"{" + b" " * 20)
    else:
        save_network(fill(RIFE(small_spec("rife_v4.0"))), path.with_suffix(".safetensors"))
        content = bytearray(path.with_suffix(".safetensors").read_bytes())
        if kind == "cut":
            del content[len(content) // 2 :]
        else:  # bit
            content[-7] ^= 4
        path.write_bytes(content)
    return path


WEIGHTS = {
    "folder": "it is a folder",
    "pipe": "it is a device or a pipe",
    "device": "it is a device or a pipe",
    "loop": "cannot use|there is no weights file",
    "empty": "cannot use",
    "text": "cannot use",
    "json": "cannot use",
    "png": "cannot use",
    "zip": "cannot use",
    "tensor": "it holds no state dict but a Tensor",
    "list": "it holds no state dict but a list",
    "foreign": "it is none of",
    "code": "which are never run",
    "lightning": "without rife_spec",
    "header": "damaged or incomplete",
    "cut": "damaged or incomplete",
    "bit": "do not match their SHA-256",
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("suffix", [".pkl", ".safetensors"])
def test_a_file_that_holds_no_weights(tmp_path, kind, suffix):
    path = _broken_weights(tmp_path / f"weights{suffix}", kind)
    with pytest.raises((ValueError, FileNotFoundError), match=WEIGHTS[kind]) as told:
        load_network(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def _broken_image(path: Path, kind: str) -> Path:
    whole = write_png(path.with_name("whole.png"), textured(1)).read_bytes()
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        contents = {
            "empty": b"",
            "text": b"no image",
            "cut": whole[: len(whole) // 2],
            "head": whole[:20],
            "huge": _png_header(100_000, 100_000),
            "flat": _png_header(0, 10),
        }
        path.write_bytes(contents[kind])
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize(
    "kind", ["missing", "folder", "pipe", "empty", "text", "cut", "head", "huge", "flat"]
)
def test_an_image_that_is_none(tmp_path, kind):
    path = _broken_image(tmp_path / "image.png", kind)
    with pytest.raises((ValueError, OSError), match=re.escape(str(path))) as told:
        read_rgb(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "cut", "head", "huge"])
def test_the_size_of_an_image_that_is_none(tmp_path, kind):
    path = _broken_image(tmp_path / "image.png", kind)
    with pytest.raises((ValueError, OSError), match=re.escape(str(path))):
        png_size(path)


def _clips(root: Path) -> Path:
    for number in range(4):
        write_png(root / "clips" / "one" / f"{number}.png", textured(number))
    return root / "clips"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "loop", "link back"])
def test_pipes_and_loops_among_clips_are_passed_by(tmp_path, kind):
    root = _clips(tmp_path)
    if kind == "pipe":
        os.mkfifo(root / "two.mp4")
    elif kind == "loop":
        (root / "two.mp4").symlink_to(root / "two.mp4")
    else:
        (root / "one" / "again").symlink_to(root, target_is_directory=True)
    assert [clip.name for clip in choose_clips(root)] == ["one"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no list of clips"),
        ("folder", "no list of clips"),
        ("pipe", "no list of clips"),
        ("png", "is no text"),
        ("empty", "names none of"),
        ("other", "names none of"),
        ("zeros", "names none of|is no text"),
    ],
)
def test_a_list_of_clips_that_is_none(tmp_path, kind, words):
    root, path = _clips(tmp_path), tmp_path / "list.txt"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "png":
        write_png(tmp_path / "x.png", textured(0)).rename(path)
    elif kind != "missing":
        path.write_text({"empty": "", "other": "nothing\n", "zeros": "\0" * 40}[kind])
    with pytest.raises((ValueError, FileNotFoundError), match=words) as told:
        choose_clips(root, clips=path)
    assert str(path) in str(told.value)


def test_clips_that_are_all_held_out(tmp_path):
    root = _clips(tmp_path)
    (tmp_path / "all.txt").write_text("one\n")
    with pytest.raises(ValueError, match="holds out all"):
        choose_clips(root, hold_out=tmp_path / "all.txt")
    with pytest.raises(ValueError, match="no triplet of .* is fit for validation"):
        ClipTriplets(root, strides=(9,))


@pytest.mark.parametrize(
    "name", ["with space", "with:colon", "with-é", "with'quote", "with%percent", "with#number"]
)
def test_unusual_names_of_folders_work(tmp_path, name):
    if os.name == "nt" and ":" in name:
        pytest.skip("Windows has no such names")
    root = _clips(tmp_path / name)
    assert [clip.name for clip in choose_clips(root)] == ["one"]
    path = tmp_path / name / "weights.safetensors"
    save_network(fill(RIFE(small_spec("rife_v4.0"))), path)
    assert load_network(path).spec == small_spec("rife_v4.0")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for make in (writable_folder, lambda path: locked(path).__enter__()):
        with pytest.raises(ValueError, match="cannot write to the folder .*file"):
            make(tmp_path / "file" / "run")
    with (
        pytest.raises(ValueError, match="cannot write .*file"),
        atomic_path(tmp_path / "file" / "x.json"),
    ):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with (
        pytest.raises(ValueError, match=r"cannot write .*pipe\.json: it is a device or a pipe"),
        atomic_path(tmp_path / "pipe.json"),
    ):
        pass
    assert (tmp_path / "pipe.json").is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")
def test_links_in_a_circle_are_no_run_folder_and_no_output(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    check_folder(loop)
    check_not_input(loop, [tmp_path / "in.mp4"])
    with pytest.raises(ValueError, match="cannot write to the folder .*loop"):
        writable_folder(loop)


def test_a_folder_that_another_run_has(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(ValueError, match="another run is at work in"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} <= {".lock"}


def test_frames_of_a_batch_that_differ_in_size_are_named(tmp_path):
    for name, side in (("1", 32), ("2", 48)):
        for frame in ("frame_00", "frame_01_gt", "frame_02"):
            write_png(tmp_path / name / f"{frame}.png", textured(3, side, side))
    data = TripletDataModule("ucf101", str(tmp_path), batch_size=2, num_workers=0)
    data.setup("test")
    with pytest.raises(ValueError, match=r"1 \(32x32\).*2 \(48x48\).*batch_size of 1"):
        list(data.test_dataloader())


def test_arrays_are_what_they_were(tmp_path):
    image = textured(5)
    assert np.array_equal(read_rgb(write_png(tmp_path / "x.png", image)), image)
