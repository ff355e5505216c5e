"""Rendered triplets: repeatable, as the distributions say, from pictures of the right part."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tests.helpers.photos import picture, write_photos
from tests.helpers.small_media import write_png
from vfi.data import Augment
from vfi.data.rendered import CLASSES, RenderedClasses, RenderedTriplets, RenderSpec
from vfi.data.rendered.dataset import class_of
from vfi.data.rendered.degrading import degrade
from vfi.data.rendered.photos import Photos, is_held_out

PLAIN = RenderSpec(
    layers=0, still=0, still_background=0, overlay=0, blurred=0, fade=0, noisy=0, jpeg=0, h264=0
)
"""A plane that moves, and nothing else."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), train=6, held_out=2)


def same(a: dict, b: dict) -> bool:
    return a["id"] == b["id"] and all(torch.equal(a[k], b[k]) for k in ("img0", "gt", "img1"))


def at_rest(flow: torch.Tensor) -> torch.Tensor:
    """Where nothing moves, (H, W); homographies leave rounding errors."""
    return (flow.abs() < 1e-3).all(0)


def test_a_triplet_depends_on_seed_epoch_and_index_alone(photos: Path) -> None:
    options = {"crop": 48, "augment": Augment(crop=48), "count": 40}
    first, second = (RenderedTriplets(photos, **options, seed=3) for _ in range(2))
    expected = [first[index] for index in range(12)]
    assert all(same(second[index], expected[index]) for index in reversed(range(12)))
    second.set_epoch(1)
    other = RenderedTriplets(photos, **options, seed=4)
    for changed in (second, other):
        assert not any(torch.equal(changed[i]["gt"], expected[i]["gt"]) for i in range(12))


def test_batches_are_those_of_one_process_for_any_number_of_workers(photos: Path) -> None:
    dataset = RenderedTriplets(photos, 32, count=12)
    reads = [
        [batch["gt"] for batch in DataLoader(dataset, batch_size=3, num_workers=workers)]
        for workers in (0, 3)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*reads, strict=True))


def test_frames_are_of_the_size_asked_for_and_differ(photos: Path) -> None:
    for triplet in RenderedTriplets(photos, 48, PLAIN, count=8):
        frames = [triplet[key] for key in ("img0", "gt", "img1")]
        assert all(frame.shape == (3, 48, 48) and frame.dtype == torch.uint8 for frame in frames)
        assert not torch.equal(frames[0], frames[2])
        assert triplet["timestep"] == 0.5


def test_still_triplets_stand_still(photos: Path) -> None:
    still = dataclasses.replace(PLAIN, still=1.0, layers=3)
    for triplet in RenderedTriplets(photos, 48, still, count=6, flow=True):
        assert torch.equal(triplet["img0"], triplet["img1"])
        assert torch.equal(triplet["img0"], triplet["gt"])
        assert at_rest(triplet["flow"]).all()
        assert not triplet["occluded"].any()


def test_only_layers_move_over_a_background_at_rest(photos: Path) -> None:
    spec = dataclasses.replace(PLAIN, still_background=1.0, layers=1, size=(0.3, 0.4), fence=0)
    moved = 0
    for triplet in RenderedTriplets(photos, 64, spec, count=8, flow=True):
        still = at_rest(triplet["flow"]) & ~triplet["occluded"].any(0)
        assert still.float().mean() > 0.4
        moved += not at_rest(triplet["flow"]).all()
        change = (triplet["img0"].int() - triplet["img1"].int()).abs().amax(0)
        assert change[still].float().mean() < 2  # all but the layer's soft edge
    assert moved >= 6


def test_brightness_fades_by_the_factor_that_is_drawn(photos: Path) -> None:
    plane = dataclasses.replace(PLAIN, still=1.0, fade=1.0, fade_depth=0.4)
    for triplet in RenderedTriplets(photos, 48, plane, count=5):
        means = [float(triplet[key].double().mean()) for key in ("img0", "gt", "img1")]
        assert abs(means[1] - (means[0] + means[2]) / 2) < 1
        assert 0.6 < means[2] / means[0] < 1.5
        assert abs(means[2] - means[0]) > 0.01


def test_something_at_rest_lies_over_what_moves(photos: Path) -> None:
    covered = dataclasses.replace(PLAIN, overlay=1.0)
    resting = 0
    for triplet in RenderedTriplets(photos, 64, covered, count=12, flow=True):
        equal = (triplet["img0"] == triplet["img1"]).all(0)
        still = at_rest(triplet["flow"])
        # a logo may be half transparent, and text may lie outside
        resting += bool(still.any() and not still.all() and equal[still].float().mean() > 0.9)
    assert resting >= 6


def test_motion_blur_softens_along_the_motion(photos: Path) -> None:
    moving = dataclasses.replace(PLAIN, speed=(30.0, 30.0), zoom=(1.0, 1.0))
    blurred = dataclasses.replace(moving, blurred=1.0, shutter=(1.0, 1.0))

    def detail(spec: RenderSpec) -> float:
        frames = [triplet["gt"].float() for triplet in RenderedTriplets(photos, 64, spec, count=8)]
        return sum(float((f[:, 1:] - f[:, :-1]).abs().mean()) for f in frames)

    assert detail(blurred) < 0.7 * detail(moving)


@pytest.mark.parametrize("kind", ["jpeg", "h264", "noisy"])
def test_frames_are_degraded_a_little(kind: str) -> None:
    clean = [picture(number, 48, 50) for number in range(3)]  # no multiples of 16
    before = [frame.copy() for frame in clean]
    spec = dataclasses.replace(PLAIN, **{kind: 1.0}, h264_quality=(30, 30), jpeg_quality=(50, 50))
    given = degrade(clean, spec, np.random.default_rng(1))
    errors = [np.abs(a.astype(float) - b).mean() for a, b in zip(given, clean, strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(clean, before, strict=True))
    assert all(frame.shape == (48, 50, 3) for frame in given)
    assert all(0.3 < error < 12 for error in errors[::2])
    assert errors[1] == 0 if kind == "noisy" else 0.3 < errors[1] < 12


def test_any_time_can_be_asked_for(photos: Path) -> None:
    spec = dataclasses.replace(PLAIN, timestep=(0.1, 0.9))
    times = [triplet["timestep"] for triplet in RenderedTriplets(photos, 32, spec, count=10)]
    assert min(times) < 0.4 < 0.6 < max(times)
    assert all(0.1 <= time <= 0.9 for time in times)


def test_colours_vary_and_geometry_does_not(photos: Path) -> None:
    plain, varied = (
        RenderedTriplets(photos, 48, PLAIN, augment, count=10, flow=True)
        for augment in (None, Augment(crop=48, jitter=0.3, bars=1.0))
    )
    for a, b in zip(plain, varied, strict=True):
        assert torch.equal(a["flow"], b["flow"])
    assert any(not torch.equal(a["gt"], b["gt"]) for a, b in zip(plain, varied, strict=True))


def test_validation_has_every_class_from_photographs_training_never_sees(photos: Path) -> None:
    classes = RenderedClasses(photos, per_class=2, size=64)
    names = [name.rpartition(" motion_")[2] for name in classes.ids]
    assert names == [name for name in CLASSES for _ in range(2)]
    shown = {name.partition("#")[0] for name in classes.ids}
    trained = {path.name for path in RenderedTriplets(photos, 64).photos.paths}
    assert shown
    assert not shown & trained
    assert all(is_held_out(Path(name)) for name in shown)
    assert classes[3]["gt"].shape == (3, 64, 64)
    assert classes.identity() == RenderedClasses(photos, per_class=2, size=64).identity()


def test_classes_leave_no_gap() -> None:
    assert [class_of(motion) for motion in (0, 7.9, 8, 23.9, 24, 500)] == [
        *("under8", "under8", "8to24", "8to24", "over24", "over24")
    ]


def test_a_class_that_cannot_be_had_is_named(photos: Path) -> None:
    still = dataclasses.replace(PLAIN, still=1.0)
    with pytest.raises(ValueError, match=r"8to24, over24 pixels; widen the speed"):
        RenderedClasses(photos, per_class=1, size=32, spec=still)


def test_identity_tells_pictures_and_distributions(photos: Path, tmp_path: Path) -> None:
    ours = RenderedTriplets(photos, 32).identity()
    assert ours["kind"] == "rendered"
    assert ours["sha256"] == RenderedTriplets(photos, 32).identity()["sha256"]
    assert ours["sha256"] != RenderedTriplets(photos, 32, PLAIN).identity()["sha256"]
    others = write_photos(tmp_path, train=3, held_out=0)
    assert ours["sha256"] != RenderedTriplets(others, 32).identity()["sha256"]


def test_few_pictures_stay_decoded(photos: Path) -> None:
    few = Photos(photos, 32, held_out=None, keep=2)
    first = few[0]
    assert few[0] is first
    for index in (1, 2):
        few[index]
    assert few[0] is not first
    assert np.array_equal(few[0], first)


def test_unusable_pictures_are_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_photos(tmp_path, train=3, held_out=0)
    write_png(tmp_path / "tiny.png", picture(0, 20, 200))
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8 no picture")
    assert len(Photos(tmp_path, 64)) == 3
    assert "torn.jpg" in caplog.text
    assert "1 pictures" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": -1}, r"render\.layers is -1; it must be 0 or more"),
        ({"still": 1.5}, r"render\.still is 1\.5; a share is in \[0, 1\]"),
        ({"speed": (4, 2)}, r"render\.speed is \(4, 2\); it must be a rising pair"),
        ({"timestep": (0.5, 1.5)}, r"render\.timestep .* rising pair from 0 to 1"),
        ({"jpeg": 0.6, "h264": 0.6}, r"render\.jpeg \+ render\.h264 is 1\.2; at most 1"),
        ({"noise": -1.0}, r"render\.noise is -1\.0; it must not be negative"),
        ({"exposures": 1}, r"render\.exposures is 1"),
    ],
)
def test_wrong_settings_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RenderSpec(**change)


def test_wrong_folders_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        RenderedTriplets(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no picture in"):
        RenderedTriplets(tmp_path)
    with pytest.raises(
        ValueError, match="6 are smaller than the crop of 192 pixels, 0 are damaged"
    ):
        RenderedTriplets(photos)
    write_photos(tmp_path, train=2, held_out=0)
    with pytest.raises(ValueError, match="all 2 pictures of .* are for training"):
        RenderedClasses(tmp_path)
