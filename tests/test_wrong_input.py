"""Wrong input of every kind: one line that names the value and what is allowed, at once.

The rows are grouped by where the value enters: options of Lightning's trainer, settings of data,
training and pruning, files of every wrong kind, and whole command lines.
"""

import json
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
from vfi.cli import main
from vfi.data import Augment, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.clips import choose_clips
from vfi.data.heldout import ClipTriplets
from vfi.data.images import png_size, read_rgb
from vfi.data.loading import most_workers
from vfi.data.module import TripletDataModule
from vfi.files import atomic_path, locked, writable_folder
from vfi.models import RIFE, RIFESpec
from vfi.training.averaging import Averaging
from vfi.training.guard import DivergenceGuard
from vfi.training.objective import Objective
from vfi.training.schedule import OptimizerSpec
from vfi.training.settings import check

NAN, INF = float("nan"), float("inf")
TRAINER = [
    ("fit", "log_every_n_steps", 0),
    ("fit", "log_every_n_steps", -5),
    ("fit", "val_check_interval", 0),
    ("fit", "val_check_interval", -1),
    ("fit", "val_check_interval", NAN),
    ("fit", "accumulate_grad_batches", 0),
    ("fit", "accumulate_grad_batches", -1),
    ("fit", "gradient_clip_val", -1),
    ("fit", "gradient_clip_val", NAN),
    ("fit", "check_val_every_n_epoch", 0),
    ("fit", "max_steps", -2),
    ("fit", "max_epochs", -3),
    ("fit", "num_sanity_val_steps", -2),
    ("fit", "overfit_batches", -1),
    ("fit", "limit_train_batches", 0),
    ("validate", "limit_val_batches", 0),
    ("test", "limit_test_batches", 0),
    ("predict", "limit_predict_batches", 0),
    ("test", "num_nodes", 0),
    ("test", "reload_dataloaders_every_n_epochs", -1),
    ("test", "devices", 0),
    ("test", "devices", -1),
    ("test", "devices", "-1"),
    ("test", "devices", -7),
    ("test", "devices", 100_000),
    ("test", "devices", "100000"),
    ("test", "accelerator", "tpu"),
    ("test", "accelerator", "nonsense"),
    ("test", "precision", "16-true"),
    ("fit", "precision", "bf16-true"),
    ("fit", "precision", "64-true"),
    ("fit", "precision", "64"),
    ("test", "precision", "transformer-engine"),
    ("fit", "default_root_dir", ""),
]


@pytest.mark.parametrize(("command", "name", "value"), TRAINER)
def test_an_option_of_the_trainer(command, name, value):
    with pytest.raises(ValueError, match=rf"trainer\.{name} is ") as told:
        check(command, {"trainer": {name: value}})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed_everything": -1}, "seed_everything is -1; it must be from 0 to"),
        ({"seed_everything": 2**32}, "seed_everything is 4294967296"),
        ({"seed_everything": 10**23}, "seed_everything is 10"),
        ({"trainer": {"strategy": "deepspeed"}}, "Lightning, which needs CUDA.*--trainer.strategy"),
        ({"trainer": {"strategy": "deepspeed_stage_2"}}, "DeepSpeed"),
        ({"trainer": {"strategy": {"class_path": "x.DeepSpeedStrategy"}}}, "DeepSpeed"),
        (
            {"trainer": {"strategy": "deepspeed", "accelerator": "cuda"}},
            "which needs CUDA.*-c strategy/ddp.yaml",
        ),
        ({"trainer": {"accelerator": "cuda"}}, "no CUDA device"),
        ({"trainer": {"accelerator": "gpu"}}, "no CUDA device"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what is asked for")
def test_a_setting_that_cannot_work_here(settings, words):
    with pytest.raises(ValueError, match=words):
        check("fit", settings)


SHARDED = {"strategy": {"class_path": "vfi.training.FullySharded"}}
MASKED = {"class_path": "vfi.training.ChannelPruning", "init_args": {"mode": "mask"}}


@pytest.mark.parametrize(
    ("command", "settings", "words"),
    [
        ("test", {"trainer": SHARDED}, "test does not work under FSDP.*strategy/ddp.yaml"),
        ("fit", {"trainer": {**SHARDED, "callbacks": [MASKED]}}, "mode mask does not work under"),
        ("fit", {"trainer": SHARDED, "ckpt_path": "last"}, "cannot go on from a checkpoint"),
        ("fit", {"trainer": {"strategy": "fsdp"}}, "strategy/fsdp.yaml"),
    ],
)
def test_what_does_not_work_where_parameters_are_shared_out(command, settings, words):
    with pytest.raises(ValueError, match=words):
        check(command, settings)


def test_what_is_right_passes():
    for trainer in (
        {"max_steps": 5, "max_epochs": -1, "val_check_interval": 0.5, "precision": "bf16-mixed"},
        {"devices": 2, "accelerator": "cpu", "strategy": "ddp", "precision": None},
        {"devices": "auto", "accelerator": "auto", "limit_val_batches": 0, "precision": "32-true"},
    ):
        check("fit", {"trainer": trainer, "seed_everything": 0})


SETTINGS = [
    (TrainData, {"batch_size": 0}, "train.batch_size is 0"),
    (TrainData, {"batch_size": -3}, "train.batch_size is -3"),
    (TrainData, {"steps": 0}, "train.steps is 0"),
    (TrainData, {"steps": -1}, "train.steps is -1"),
    (TrainData, {"source": "nothing"}, "train.source is 'nothing'; allowed"),
    (TrainData, {"source": "ucf101"}, "train.source is 'ucf101'; allowed"),
    (TrainData, {"augment": Augment(crop=None)}, "train.augment.crop is null"),
    (TrainData, {"batch_size": 10**9}, "train.batch_size is 1000000000"),
    (TrainData, {"batch_size": 500, "augment": Augment(crop=4096)}, "would be 70 GiB"),
    (Augment, {"crop": 100_000}, "crop is 100000; it must be at most"),
    (ValData, {"batch_size": 0}, "val.batch_size is 0"),
    (ValData, {"source": "davis"}, "val.source is 'davis'; allowed"),
    (ValData, {"per_clip": 0}, "val.per_clip is 0"),
    (ValData, {"per_clip": -1}, "val.per_clip is -1"),
    (ValData, {"size": 0}, "val.size is 0"),
    (ValData, {"size": 10**6}, "val.size is 1000000"),
    (ValData, {"short_side": 0}, "val.short_side is 0"),
    (ValData, {"short_side": -5}, "val.short_side is -5"),
    (ValData, {"strides": ()}, "val.strides"),
    (ValData, {"strides": (0,)}, "val.strides"),
    (ValData, {"strides": (1, -2)}, "val.strides"),
    (StreamSpec, {"stride": 0}, "stride is 0"),
    (StreamSpec, {"stride": (3, 1)}, r"stride is \(3, 1\)"),
    (StreamSpec, {"stride": (0, 2)}, "stride is"),
    (StreamSpec, {"step": 0}, "step is 0"),
    (StreamSpec, {"open_clips": 0}, "open_clips is 0"),
    (StreamSpec, {"shuffle_mib": -1}, "shuffle_mib is -1"),
    (StreamSpec, {"short_side": 0}, "short_side is 0"),
    (StreamSpec, {"open_clips": 10**6}, "open_clips is 1000000"),
    (Augment, {"crop": 0}, "crop"),
    (Augment, {"crop": -64}, "crop"),
    (Augment, {"zoom": 0.5}, "zoom"),
    (Augment, {"zoom": NAN}, "zoom"),
    (Augment, {"zoom": INF}, "zoom"),
    (Augment, {"jitter": -0.1}, "jitter is -0.1"),
    (Augment, {"jitter": 1.0}, "jitter is 1.0"),
    (Augment, {"jitter": NAN}, "jitter is nan"),
    (Augment, {"bars": 1.5}, "bars is 1.5"),
    (Augment, {"bars": NAN}, "bars is nan"),
    (TripletFilter, {"static": -1.0}, "must not be negative"),
    (TripletFilter, {"uneven": -1.0}, "must not be negative"),
    (TripletFilter, {"static": NAN}, "must not be negative"),
    (TripletDataModule, {"batch_size": 0}, "data.batch_size is 0"),
    (TripletDataModule, {"num_workers": -1}, "num_workers is -1"),
    (TripletDataModule, {"num_workers": 100_000}, "num_workers is 100000; it must be from 0 to"),
    (TripletDataModule, {"num_workers": most_workers() + 1}, "num_workers is"),
    (TripletDataModule, {"seed": -1}, "data.seed is -1"),
    (TripletDataModule, {"seed": 10**23}, "data.seed is 10"),
    (TripletDataModule, {"source": "nothing"}, "data.source is 'nothing'"),
    (OptimizerSpec, {"lr": 0.0}, "lr must be positive"),
    (OptimizerSpec, {"lr": -1e-4}, "lr must be positive"),
    (OptimizerSpec, {"lr": NAN}, "optimizer.lr is nan"),
    (OptimizerSpec, {"lr": INF}, "optimizer.lr is inf"),
    (OptimizerSpec, {"weight_decay": -1.0}, "weight_decay"),
    (OptimizerSpec, {"weight_decay": NAN}, "optimizer.weight_decay is nan"),
    (OptimizerSpec, {"warmup": -1}, "warmup"),
    (OptimizerSpec, {"flow": 0.0}, "flow is 0"),
    (OptimizerSpec, {"flow": 2.0}, "flow is 2"),
    (OptimizerSpec, {"steps": 0}, "optimizer.steps is 0"),
    (Objective, {"laplacian": -1.0}, "must not be negative"),
    (Objective, {"laplacian": NAN}, "laplacian"),
    (Objective, {"psnr": INF}, "psnr"),
    (
        Objective,
        {"laplacian": 0.0, "charbonnier": 0.0, "deep": 0.0},
        "all loss weights are 0",
    ),
    (Averaging, {"decay": 1.0}, "decay is 1.0"),
    (Averaging, {"decay": -0.1}, "decay is -0.1"),
    (Averaging, {"decay": NAN}, "decay is nan"),
    (DivergenceGuard, {"factor": 1.0}, "factor is 1.0"),
    (DivergenceGuard, {"factor": NAN}, "factor is nan"),
    (DivergenceGuard, {"window": 0}, "window 0"),
]


@pytest.mark.parametrize(("kind", "options", "words"), SETTINGS)
def test_a_setting(kind, options, words):
    with pytest.raises(ValueError, match=words) as told:
        kind(**options)
    assert "\n" not in str(told.value)


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


def test_a_folder_that_another_run_has(tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(ValueError, match="another run is at work in"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} <= {".lock"}


SPEC = small_spec("rife_v4.0").to_dict()


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        None,
        SPEC | {"blocks": []},
        SPEC | {"blocks": "text"},
        SPEC | {"blocks": [1]},
        SPEC | {"blocks": None},
        SPEC | {"refine": []},
        SPEC | {"refine": {"context": 1}},
        SPEC | {"unknown": 1},
        {key: value for key, value in SPEC.items() if key != "blocks"},
        json.loads(json.dumps(SPEC).replace('"trunk": 4', '"trunk": true')),
        json.loads(json.dumps(SPEC).replace('"trunk": 4', '"trunk": -4')),
        json.loads(json.dumps(SPEC).replace('"trunk": 4', '"trunk": 4.5')),
    ],
)
def test_a_shape_that_is_none(data):
    with pytest.raises(ValueError, match="."):
        RIFESpec.from_dict(data)


COMMANDS = [
    (["fitt"], "neither a command nor a file"),
    (["fit", "--nonsense", "1"], "nonsense"),
    (["fit", "--config", "nothing.yaml"], "nothing.yaml"),
    (["test", "--trainer.limit_test_batches", "0"], "limit_test_batches is 0"),
    (["test", "--seed_everything", "1e23"], "seed_everything"),
    (["test", "--trainer.devices", "-1"], "devices is -1"),
    (["test", "--data.num_workers", "100000"], "num_workers is 100000"),
    (["test", "--ckpt_path", "last"], "there is no checkpoint in"),
    (["test", "--trainer.default_root_dir", "."], "the run folder is ."),
    (["test", "--data.batch_size", "many"], "data.batch_size"),
    (["sweep", "--levels", "[2]"], "2"),
    (["sweep", "--levels", "[]"], "levels"),
    (["sweep", "--policies", "{}"], "policies"),
    (["sweep", "--repeats", "-1"], "repeats"),
    (["sweep", "--limit", "0"], "limit"),
    (["sweep", "--device", "warp"], "warp"),
    (["plan", "--output", "x.txt"], "policy|output"),
    (["release", "--run", "nowhere", "--name", "mine"], "nowhere"),
    (["release", "--run", "nowhere", "--name", "../up"], "name is '../up'"),
    (["release", "--run", "nowhere", "--name", ""], "name is ''"),
    (["reproduce", "nothing-of-this-name"], "nothing-of-this-name"),
]


@pytest.mark.parametrize(("arguments", "words"), COMMANDS, ids=lambda value: str(value)[:40])
def test_a_command_line(arguments, words, tmp_path, monkeypatch, caplog, capsys):
    monkeypatch.chdir(tmp_path)
    if arguments[0] in ("fit", "test") and "--model" not in arguments:
        model = ["--model", "vfi.training.module.BaselineModule", "--model.method", "copy"]
        arguments = [arguments[0], *model, *arguments[1:]]
    assert main(arguments) == 2
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert re.search(words, errors[0])
    assert "\n" not in errors[0].strip()
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.ckpt"))


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
