"""Training on video clips: shared out among processes, held out, and exactly resumed."""

from dataclasses import replace
from pathlib import Path

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.helpers.recorder import Recorder, place, trainer
from tests.helpers.small_media import LENGTHS, numbered, write_clip
from vfi.data import Augment, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.module import TripletDataModule

KEEP_ALL = TripletFilter(static=0, uneven=0)


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
