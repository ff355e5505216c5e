"""What each Lightning job reads, shared out among processes, and exactly resumed."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader

from tests.helpers.small_media import LENGTHS, numbered, textured, write_clip, write_png
from vfi.data import Augment, SampleTriplets, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.loading import Shard
from vfi.data.module import TripletDataModule

KEEP_ALL = TripletFilter(static=0, uneven=0)


class Recorder(LightningModule):
    """A model that learns nothing and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[str, ...]] = []
        self.batches: list[dict] = []

    def training_step(self, batch: dict, batch_idx: int) -> torch.Tensor:
        """Remembers names and a pixel sum, which crops and flips change."""
        sums = batch["img0"].sum(dim=(1, 2, 3)).tolist()
        self.seen.append(tuple(zip(batch["id"], sums, strict=True)))
        return self.weight.sum()

    def test_step(self, batch: dict, batch_idx: int) -> None:
        """Remembers the batch."""
        self.batches.append(batch)

    validation_step = test_step
    predict_step = test_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Something to step."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(folder: Path, **options: object) -> Trainer:
    """A quiet trainer for one process."""
    defaults = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    defaults |= {"enable_checkpointing": False, "accelerator": "cpu", "devices": 1}
    return Trainer(default_root_dir=folder, use_distributed_sampler=False, **defaults | options)


def place(data: TripletDataModule, rank: int, world_size: int) -> TripletDataModule:
    """As if the trainer had started this process."""
    data.trainer = SimpleNamespace(
        global_rank=rank, world_size=world_size, current_epoch=0, limit_val_batches=0
    )
    return data


def test_default_needs_no_data(tmp_path: Path) -> None:
    data, model = TripletDataModule(num_workers=0), Recorder()
    trainer(tmp_path, limit_test_batches=3).test(model, data, verbose=False)
    assert data.identity()["kind"] == "sample"
    assert [batch["id"] for batch in model.batches] == [[f"sample_0{i}"] for i in range(3)]
    batch = model.batches[2]
    expected = SampleTriplets()[2]["gt"].float() / 255
    assert batch["gt"].dtype == batch["timestep"].dtype == torch.float32
    torch.testing.assert_close(batch["gt"][0], expected)
    assert batch["timestep"].tolist() == [0.5]
    assert batch["index"].tolist() == [2]


def test_a_folder_alone_is_recognised(ucf101: Path, tmp_path: Path) -> None:
    data = TripletDataModule(root=str(ucf101))
    data.setup("test")
    assert (data.identity()["kind"], data.identity()["count"]) == ("ucf101", 3)
    write_png(tmp_path / "empty" / "a" / "other.png", textured(0))
    with pytest.raises(ValueError, match=r"no triplets in .*snufilm.* set source to video"):
        TripletDataModule(root=str(tmp_path / "empty")).setup("test")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        TripletDataModule(root=str(tmp_path / "nowhere")).setup("test")
    (ucf101 / "2" / "frame_00.png").unlink()
    with pytest.raises(ValueError, match=r"half a triplet: 2/frame_00\.png"):
        TripletDataModule(root=str(ucf101)).setup("test")


def test_predict_and_validate(tmp_path: Path, ucf101: Path) -> None:
    data = TripletDataModule("ucf101", str(ucf101), num_workers=1, batch_size=2)
    model = Recorder()
    trainer(tmp_path).predict(model, data)
    assert [batch["id"] for batch in model.batches] == [["1", "2"], ["10"]]
    model.batches.clear()
    trainer(tmp_path, limit_val_batches=2).validate(model, data, verbose=False)
    assert [batch["id"] for batch in model.batches] == [["sample_00"], ["sample_01"]]


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_evaluation_is_not_padded(ucf101: Path, world_size: int) -> None:
    for identifier in (30, 40):
        for name in ("frame_00.png", "frame_01_gt.png", "frame_02.png"):
            write_png(ucf101 / str(identifier) / name, textured(identifier))
    indices = []
    for rank in range(world_size):
        data = place(TripletDataModule("ucf101", str(ucf101), num_workers=0), rank, world_size)
        data.setup("test")
        indices += [int(batch["index"]) for batch in data.test_dataloader()]
    assert sorted(indices) == list(range(5))


def test_more_processes_than_triplets(ucf101: Path) -> None:
    data = place(TripletDataModule("ucf101", str(ucf101)), 0, 4)
    data.setup("test")
    with pytest.raises(ValueError, match=r"3 triplets are too few for 4 processes"):
        data.test_dataloader()


def test_lightning_keeps_the_sampler_even_if_it_is_asked_to_replace_it() -> None:
    sampler = Shard(SampleTriplets(), 1, 5)
    assert isinstance(sampler, torch.utils.data.DistributedSampler)
    assert list(sampler) == [1, 6, 11, 16, 21]
    assert len(sampler) == 5
    assert len(Shard(SampleTriplets(), 4, 5)) == 4


def test_training_shares_are_equal_disjoint_and_change_with_the_epoch() -> None:
    train = TrainData(batch_size=3, augment=Augment(crop=32))

    def read(rank: int, epoch: int) -> list[str]:
        data = place(TripletDataModule(train=train, num_workers=0), rank, 5)
        data.trainer.current_epoch = epoch
        data.setup("fit")
        return [name for batch in data.train_dataloader() for name in batch["id"]]

    shares = [read(rank, 0) for rank in range(5)]
    assert [len(share) for share in shares] == [3] * 5  # 4 each, in whole batches of 3
    assert len(set().union(*shares)) == 15
    assert read(0, 0) == shares[0]
    assert read(0, 1) != shares[0]


def video(clips: Path, **options: object) -> TripletDataModule:
    """Training on the small clips, without workers unless told."""
    train = {"steps": 5, "batch_size": 2, "keep": KEEP_ALL, "augment": Augment(crop=24)} | options
    workers = train.pop("num_workers", 0)
    return TripletDataModule(
        train=TrainData("video", str(clips), **train),
        val=ValData("video", per_clip=2, size=16, strides=(1,)),
        num_workers=workers,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_video_training_takes_the_steps_it_is_given(
    clips: Path, tmp_path: Path, workers: int
) -> None:
    data = video(clips, steps=25, num_workers=workers, stream=StreamSpec(stride=(1, 2)))
    model = Recorder()
    # more than one pass: the clips hold 36 triplets at most
    trainer(tmp_path, max_epochs=2, limit_val_batches=0).fit(model, data)
    assert len(model.seen) == 50
    assert model.seen[:25] != model.seen[25:]
    assert data.identity("train")["count"] == len(LENGTHS)
    assert data.train_set.summary.triplets >= 100


def test_video_without_steps_is_read_once(clips: Path) -> None:
    data = video(clips, steps=None)
    data.val = ValData("sample")  # all clips are for training
    data.setup("fit")
    assert sum(len(batch["id"]) for batch in data.train_dataloader()) == 36
    with pytest.raises(ValueError, match=r"train\.steps must be given.* 2 processes"):
        place(video(clips, steps=None), 0, 2).setup("fit")


def test_processes_stream_different_triplets(clips: Path) -> None:
    passes = []
    for rank in range(2):
        data = place(video(clips, steps=6), rank, 2)
        data.setup("fit")
        loader = data.train_dataloader()
        assert len(loader) == 6
        passes.append([name for batch in loader for name in batch["id"]])
    assert [len(names) for names in passes] == [12, 12]
    assert not set(passes[0]) & set(passes[1])


def test_calibration_reads_the_same_in_any_number_of_processes(clips: Path) -> None:
    seen = []
    for rank, world_size in ((0, 1), (0, 2), (1, 2), (2, 3)):
        data = place(video(clips, steps=4), rank, world_size)
        batches = data.calibration_batches(2, "cpu")
        seen.append([(batch["id"], batch["img0"].sum().item()) for batch in batches])
    assert len(seen[0]) == 2
    assert all(other == seen[0] for other in seen)


def test_validation_clips_may_not_be_trained_on(clips: Path, tmp_path: Path) -> None:
    fit, data = trainer(tmp_path, max_epochs=1), video(clips)
    data.val = replace(data.val, clips=("b.avi",))
    with pytest.raises(ValueError, match=r"1 of 1 clips for validation are trained on.*b\.avi"):
        fit.fit(Recorder(), data)
    held_out = tmp_path / "val.txt"
    held_out.write_text("b.avi\n")
    data = video(clips, hold_out=str(held_out))
    data.val = ValData("video", clips=str(held_out), per_clip=2, size=16, strides=(1,))
    trainer(tmp_path, max_epochs=1).fit(Recorder(), data)


def test_validation_clips_default_to_the_training_folder(clips: Path, tmp_path: Path) -> None:
    held_out = tmp_path / "val.txt"
    held_out.write_text("b.avi\n")
    data = video(clips, hold_out=str(held_out))
    data.val = ValData("video", clips=str(held_out), per_clip=3, size=16, strides=(1,))
    write_clip(tmp_path / "x.mkv", numbered(0, 9))
    data.setup("fit")
    assert all(clip.name != "b.avi" for clip in data.train_set.clips)
    assert {name.partition("@")[0] for name in data.val_set.ids} <= {"b.avi"}


@pytest.mark.parametrize(
    ("source", "stop"),
    [("video", 3), ("video", 5), ("video", 7), ("video", 10), ("sample", 7), ("sample", 10)],
)
def test_resuming_equals_not_having_stopped(
    clips: Path, tmp_path: Path, source: str, stop: int
) -> None:
    def data() -> TripletDataModule:
        if source == "video":
            return video(clips, num_workers=2)
        train = TrainData(steps=5, batch_size=2, augment=Augment(crop=24))
        return TripletDataModule(train=train, num_workers=0)

    options = {"max_epochs": 3, "limit_val_batches": 0}
    whole = Recorder()
    trainer(tmp_path, **options).fit(whole, data())
    assert len(whole.seen) == 15
    saver = ModelCheckpoint(tmp_path, "stop", every_n_train_steps=stop, save_top_k=1, monitor=None)
    first, second = Recorder(), Recorder()
    stopping = {**options, "max_steps": stop, "callbacks": [saver], "enable_checkpointing": True}
    trainer(tmp_path, **stopping).fit(first, data())
    assert first.seen == whole.seen[:stop]
    trainer(tmp_path, **options).fit(second, data(), ckpt_path=tmp_path / "stop.ckpt")
    assert first.seen + second.seen == whole.seen


def test_a_broken_off_pass_does_not_shorten_the_next(clips: Path) -> None:
    data = video(clips)
    data.setup("fit")
    loader = data.train_dataloader()
    first = next(iter(loader))["id"]
    assert next(iter(loader))["id"] == first
    assert len(list(loader)) == len(loader) == 5


def test_configured_from_yaml_and_command_line(ucf101: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        """
data:
  source: ucf101
  num_workers: 0
  train:
    source: video
    hold_out: configs/splits/train_clips_val.txt
    steps: 7
    stream: {stride: [1, 3], step: 2}
    augment: {crop: 96, jitter: 0.2}
    keep: {uneven: 3}
  val: {source: video, clips: configs/splits/train_clips_val.txt, strides: [1, 2]}
"""
    )
    args = ["--config", str(config), "--data.root", str(ucf101), "--data.train.root", "clips"]
    args += ["--trainer.accelerator", "cpu", "--trainer.logger", "false"]
    cli = LightningCLI(Recorder, TripletDataModule, run=False, args=args, save_config_callback=None)
    data = cli.datamodule
    assert data.root == str(ucf101)
    assert data.train.root == "clips"
    assert data.train.stream == StreamSpec(stride=(1, 3), step=2)
    assert data.train.augment == Augment(crop=96, jitter=0.2)
    assert data.train.keep == TripletFilter(uneven=3)
    assert data.val.strides == (1, 2)
    cli.trainer.test(cli.model, data, verbose=False)
    assert len(cli.model.batches) == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: TripletDataModule("davis"),
            r"data\.source is 'davis'; allowed: auto, sample, ucf101",
        ),
        (lambda: TrainData("ucf101"), r"train\.source is 'ucf101'; allowed: sample, vimeo90k"),
        (lambda: ValData(batch_size=0), r"val\.batch_size is 0"),
        (lambda: TrainData(steps=0), r"train\.steps is 0"),
        (lambda: TrainData(augment=Augment(crop=None)), r"train\.augment\.crop is null"),
        (lambda: TripletDataModule(num_workers=-1), r"num_workers is -1; it must be from 0"),
        (lambda: TripletDataModule("sample", "x").setup("test"), r"leave out --data\.root"),
        (lambda: TripletDataModule("ucf101").setup("test"), r"needs its folder.*--data\.root"),
        (
            lambda: TripletDataModule(val=ValData("ucf101")).setup("validate"),
            r"needs its folder.*--data\.val\.root",
        ),
        (
            lambda: TripletDataModule(train=TrainData("video")).setup("fit"),
            r"needs its folder.*--data\.train\.root",
        ),
    ],
)
def test_bad_options(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_batch_larger_than_the_set() -> None:
    data = TripletDataModule(train=TrainData(batch_size=25))
    data.setup("fit")
    with pytest.raises(ValueError, match=r"train\.batch_size is 25.* 'sample' has 24"):
        data.train_dataloader()


def test_loaders_are_plain_for_lightning() -> None:
    data = TripletDataModule(num_workers=0)
    data.setup("test")
    assert type(data.test_dataloader()) is DataLoader
