"""What can be read, as configurations give it."""

import pytest

from vfi.data import SampleTriplets, TripletFolder
from vfi.data.augment import Augment
from vfi.data.calibration import calibration_batches
from vfi.data.sources import (
    TrainData,
    ValData,
    check_root,
    open_source,
    recognise,
    resolve,
    validated,
)


def test_auto_is_the_sample_or_the_set_that_is_found(ucf101):
    assert resolve(ValData()).source == "sample"
    assert resolve(ValData(root=str(ucf101))).source == "ucf101"
    assert resolve(ValData("video", "clips")) == ValData("video", "clips")
    assert isinstance(open_source(ValData()), SampleTriplets)
    found = open_source(ValData(root=str(ucf101)))
    assert isinstance(found, TripletFolder)
    assert len(found) == 3


def test_a_folder_of_something_else_is_not_recognised(tmp_path):
    with pytest.raises(ValueError, match=r"no triplets in .*; known are: .*set source to video"):
        recognise(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        recognise(tmp_path / "nowhere")


def test_validation_shares_the_folder_of_its_kind():
    train = TrainData("video", "clips")
    assert validated(ValData("video"), train).root == "clips"
    assert validated(ValData("video", "others"), train).root == "others"
    assert validated(ValData("ucf101"), train).root is None


def test_a_source_has_its_folder_or_none():
    check_root("data.root", "auto", None)
    check_root("data.root", "ucf101", "somewhere")
    with pytest.raises(ValueError, match="the sample is no folder; leave out --data.root"):
        check_root("data.root", "sample", "somewhere")
    for source in ("ucf101", "video"):
        with pytest.raises(ValueError, match=f"the source '{source}' needs its folder"):
            check_root("data.root", source, None)
        with pytest.raises(ValueError, match=f"the source '{source}' needs its folder"):
            open_source(ValData(source))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "ucf101"}, "train.source is 'ucf101'; allowed: sample, vimeo90k, video"),
        ({"batch_size": 0}, "train.batch_size is 0"),
        ({"steps": 0}, "train.steps is 0"),
        ({"augment": Augment(crop=None)}, "train.augment.crop is null"),
    ],
)
def test_training_data_say_what_they_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainData(**settings)


def test_calibration_reads_the_first_training_batches():
    train = TrainData(batch_size=2, augment=Augment(crop=64))
    first, second = calibration_batches(train, 2, workers=0)
    for batch in (first, second):
        assert batch["img0"].shape == (2, 3, 64, 64)
        assert batch["gt"].min() >= 0
        assert 0.5 < batch["gt"].max() <= 1
        assert batch["timestep"].tolist() == [0.5, 0.5]
    assert len({*first["id"], *second["id"]}) == 4
    (again,) = calibration_batches(train, 1, workers=0)
    assert again["img0"].equal(first["img0"])
    assert len(list(calibration_batches(train, 100, workers=0))) == 12
