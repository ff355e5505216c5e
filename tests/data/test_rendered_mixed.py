"""Rendered triplets and video in one training set, and rendered classes beside clips."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from tests.helpers.photos import write_photos
from vfi.data import Augment, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.calibration import calibration_batches, open_train, train_loader
from vfi.data.overlap import overlap
from vfi.data.rendered import MixedTriplets, RenderSpec, Shares
from vfi.data.sources import open_source, validated
from vfi.measure.means import mean_scores

KEEP_ALL = TripletFilter(static=0, uneven=0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), train=5, held_out=2)


def mixed(clips: Path, photos: Path, *shares: Shares, **options: object) -> TrainData:
    settings = {"steps": 6, "batch_size": 4, "keep": KEEP_ALL, "augment": Augment(crop=32)}
    return TrainData(
        "mixed",
        str(clips),
        photos=str(photos),
        shares=shares or (Shares(),),
        stream=StreamSpec(stride=(1, 2)),
        render=RenderSpec(h264=0),
        **settings | options,
    )


def names(train: TrainData, epoch: int = 0, workers: int = 0) -> list[str]:
    loader = train_loader(open_train(train), train, workers=workers, epoch=lambda: epoch)
    return [name for batch in loader for name in batch["id"]]


def rendered(ids: list[str]) -> list[str]:
    return [name for name in ids if "#" in name]


def test_shares_are_kept_and_change_with_the_epoch(clips: Path, photos: Path) -> None:
    train = mixed(clips, photos, Shares(0.25, 0.75), Shares(1, 0, since=2), steps=25)
    for epoch, share in ((0, 0.75), (1, 0.75), (2, 0), (3, 0)):
        ids = names(train, epoch)
        assert len(ids) == 100
        assert abs(len(rendered(ids)) / 100 - share) < 0.12
    assert not set(names(mixed(clips, photos, Shares(0, 1)))) - set(
        rendered(names(mixed(clips, photos, Shares(0, 1))))
    )


def test_repeatable_and_whole_with_workers(clips: Path, photos: Path) -> None:
    train = mixed(clips, photos)
    assert names(train) == names(train)
    assert names(train) != names(train, epoch=1)
    assert names(train, workers=2) == names(train, workers=2)
    # whichever worker draws a place, it draws the same
    one, two = (rendered(names(train, workers=workers)) for workers in (1, 2))
    assert len(set(one) & set(two)) >= 0.5 * len(one)
    places = [int(name.rpartition("#")[2]) for name in two]
    assert len(set(places)) == len(places)


def test_processes_fill_different_places(clips: Path, photos: Path) -> None:
    train = mixed(clips, photos, Shares(0, 1))
    places = []
    for rank in range(2):
        part = open_train(train)
        assert isinstance(part, MixedTriplets)
        part.rank, part.world_size = rank, 2
        loader = DataLoader(part, batch_size=None)
        places.append([item["index"] for item, _ in zip(loader, range(10), strict=False)])
    assert places == [list(range(0, 20, 2)), list(range(1, 20, 2))]


def test_taken_up_where_it_was_left(clips: Path, photos: Path) -> None:
    train = mixed(clips, photos)
    whole = train_loader(open_train(train), train, workers=0)
    expected = [batch["gt"] for batch in whole]
    stopped = train_loader(open_train(train), train, workers=0)
    for _, _ in zip(stopped, range(3), strict=False):
        pass
    state = {"epoch": 0, "batches": 3}
    resumed = train_loader(open_train(train), train, workers=0)
    resumed.load_state_dict(state)
    assert all(torch.equal(a["gt"], b) for a, b in zip(resumed, expected[3:], strict=True))


def test_calibration_reads_it(clips: Path, photos: Path) -> None:
    (batch,) = calibration_batches(mixed(clips, photos), 1, workers=0)
    assert batch["img0"].shape == (4, 3, 32, 32)
    assert batch["img0"].dtype == torch.float32


def test_rendered_alone_takes_its_steps(photos: Path) -> None:
    train = TrainData("rendered", str(photos), steps=3, batch_size=4, augment=Augment(crop=32))
    assert len(names(train)) == len(set(names(train))) == 12
    assert names(train) == names(train, workers=2)
    assert (
        len(names(TrainData("rendered", str(photos), batch_size=1, augment=Augment(crop=32)))) == 5
    )


def test_rendered_classes_are_validated_beside_clips(clips: Path, photos: Path) -> None:
    train = mixed(clips, photos)
    val = ValData("video", strides=(1,), per_clip=2, size=32, per_class=1)
    dataset = open_source(validated(val, train))
    alone = open_source(ValData("rendered", str(photos), size=32, per_class=1))
    ids = [dataset[index]["id"] for index in range(len(dataset))]
    assert ids[-3:] == [alone[index]["id"] for index in range(3)]
    assert [dataset[index]["index"] for index in range(len(dataset))] == list(range(len(ids)))
    assert dataset.identity()["count"] == len(dataset) == len(ids)
    figures = mean_scores([{"id": name, "psnr": 30.0, "ssim": 1.0} for name in ids])
    assert set(figures) == {
        *("psnr", "ssim", "psnr_stride1"),
        *("psnr_motion_under8", "psnr_motion_8to24", "psnr_motion_over24"),
    }


def test_overlap_knows_the_parts(clips: Path, photos: Path) -> None:
    train = mixed(clips, photos)
    assert overlap(train, ValData("video", str(clips)))
    assert not overlap(train, ValData("rendered", str(photos)))
    rendered = TrainData("rendered", str(photos))
    assert not overlap(rendered, ValData("rendered", str(photos)))  # others are held out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Shares(0.5, 0.6), r"video: 0\.5 and rendered: 0\.6 sum to 1\.1; they must sum"),
        (lambda: Shares(-0.5, 1.5), "neither may be negative"),
        (lambda: Shares(since=-1), "epochs count from 0"),
        (lambda: TrainData(shares=()), r"train\.shares begin at the epochs \[\]"),
        (lambda: TrainData(shares=(Shares(since=1),)), "the first must begin at 0"),
        (lambda: TrainData(shares=(Shares(), Shares())), "each after"),
        (lambda: ValData(per_class=-1), r"val\.per_class is -1"),
        (lambda: open_source(ValData(per_class=1)), "needs photographs"),
        (lambda: open_train(TrainData("mixed", "clips")), r"with --train\.photos"),
        (lambda: open_train(TrainData("rendered")), r"with --train\.root"),
    ],
)
def test_wrong_settings_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()
