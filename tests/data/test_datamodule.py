"""What each Lightning job reads, shared out among processes, and exactly resumed."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader

from tests.helpers.recorder import Recorder, place, trainer
from tests.helpers.small_media import textured, write_png
from vfi.data import Augment, SampleTriplets, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.loading import Shard
from vfi.data.module import TripletDataModule


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
