"""Augmentation keeps the three frames together; the filter knows stills, cuts and doubles."""

from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.small_media import textured
from vfi.data import Augment, Augmented, SampleTriplets, TripletFilter
from vfi.data.augment import keyed_rng
from vfi.data.sample import render

OFF = Augment(None, False, False, False, False, 0.0)


def apply(augment: Augment, frames: list[np.ndarray], seed: int) -> list[np.ndarray]:
    """Cuts and varies with a generator of this seed."""
    rng = keyed_rng(seed)
    return augment.vary(augment.cut(frames, rng), rng)


def test_off_changes_nothing() -> None:
    frames = [textured(i) for i in range(3)]
    for seed in range(8):
        for before, after in zip(frames, apply(OFF, frames, seed), strict=True):
            np.testing.assert_array_equal(before, after)


def test_every_variation_occurs_and_no_other() -> None:
    """With one switch on, exactly its outcomes appear, alike for the three frames."""
    frames = [textured(i, 24, 24) for i in range(3)]
    outcomes = {
        "flip": lambda f: [f, f[:, ::-1], f[::-1], f[::-1, ::-1]],
        "rotate": lambda f: [f, np.rot90(f)],
        "reverse_channels": lambda f: [f, f[:, :, ::-1]],
    }
    for switch, possible in outcomes.items():
        augment = Augment(**{**vars(OFF), switch: True})
        seen = set()
        for seed in range(40):
            after = apply(augment, frames, seed)
            matches = [
                {n for n, form in enumerate(possible(b)) if np.array_equal(form, a)}
                for b, a in zip(frames, after, strict=True)
            ]
            (common,) = set.intersection(*matches)
            seen.add(common)
        assert seen == set(range(len(possible(frames[0])))), switch


def test_time_reversal_keeps_the_middle() -> None:
    frames = [textured(i) for i in range(3)]
    augment = Augment(None, False, False, True, False, 0.0)
    firsts = set()
    for seed in range(20):
        after = apply(augment, frames, seed)
        np.testing.assert_array_equal(after[1], frames[1])
        firsts.add(int(np.array_equal(after[0], frames[0])))
    assert firsts == {0, 1}


def test_crop_is_the_same_place_in_all_frames_and_covers_the_image() -> None:
    rows, columns = np.mgrid[0:40, 0:60].astype(np.uint8)
    frame = np.stack([rows, columns, rows], axis=2)
    places = set()
    for seed in range(300):
        crops = Augment(crop=32).cut([frame, frame, frame], keyed_rng(seed))
        assert all(crop.shape == (32, 32, 3) for crop in crops)
        assert all(np.array_equal(crop, crops[0]) for crop in crops)
        places.add((int(crops[0][0, 0, 0]), int(crops[0][0, 0, 1])))
    tops, lefts = zip(*places, strict=True)
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (0, 8, 0, 28)


def test_zoom_shrinks_larger_squares_as_far_as_the_frame_allows() -> None:
    ramp = np.arange(100, dtype=np.uint8)[:, None, None].repeat(100, 1).repeat(3, 2)
    frame = ramp + np.zeros_like(ramp)
    spans = set()
    for seed in range(50):
        crops = Augment(crop=32, zoom=8.0).cut([frame, frame, frame], keyed_rng(seed))
        assert all(crop.shape == (32, 32, 3) for crop in crops)
        assert all(np.array_equal(crop, crops[0]) for crop in crops)
        spans.add(int(crops[0][-1, 0, 0]) - int(crops[0][0, 0, 0]))
    assert min(spans) < 40  # of rows; 31 is no zoom
    assert max(spans) > 80  # 99 is the whole frame
    small = [frame[:20]] * 3
    assert Augment(crop=32, zoom=2.0).cut(small, keyed_rng(1))[0].shape == (32, 32, 3)


def test_small_frames_are_enlarged_to_the_crop() -> None:
    frames = [textured(i, 20, 50) for i in range(3)]
    assert {crop.shape for crop in Augment(crop=32).cut(frames, keyed_rng(1))} == {(32, 32, 3)}


def test_jitter_is_one_tone_curve_and_leaves_its_input() -> None:
    frames = [textured(5), textured(5), textured(5)]
    before = frames[0].copy()
    changed = 0
    for seed in range(20):
        after = apply(Augment(None, False, False, False, False, 0.3), frames, seed)
        np.testing.assert_array_equal(after[0], after[2])
        changed += not np.array_equal(after[0], before)
        for channel in range(3):  # equal levels stay equal, their order is kept
            order = np.argsort(before[:, :, channel].ravel(), kind="stable")
            assert (np.diff(after[0][:, :, channel].ravel()[order].astype(int)) >= 0).all()
    np.testing.assert_array_equal(frames[0], before)
    assert 0 < changed < 20


def test_bars_are_black_alike_in_all_frames_and_hide_at_most_half() -> None:
    frames = [textured(i, 40, 40) | 1 for i in range(3)]  # nothing in them is black
    kinds = set()
    for seed in range(60):
        after = apply(replace(OFF, bars=1.0), frames, seed)
        black = [(frame == 0).all(2) for frame in after]
        assert all(np.array_equal(mask, black[0]) for mask in black)
        for before, frame in zip(frames, after, strict=True):
            np.testing.assert_array_equal(frame[~black[0]], before[~black[0]])
        rows, columns = black[0].all(1), black[0].all(0)
        assert black[0].sum() == 40 * (rows.sum() + columns.sum())  # whole rows or whole columns
        assert not rows[10:30].any()
        assert not columns[10:30].any()
        kinds.add((bool(rows[0]), bool(rows[-1]), bool(columns[0]), bool(columns[-1])))
    assert {(True, True, False, False), (False, False, True, True)} <= kinds


@pytest.mark.parametrize(
    "options",
    [{"crop": 0}, {"zoom": 0.5}, {"jitter": 1.0}, {"jitter": -0.1}, {"bars": 1.5}, {"bars": -0.1}],
)
def test_bad_options(options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Augment(**options)


def test_filter_verdicts() -> None:
    keep = TripletFilter()
    img0, gt, img1 = render(6)
    other = render(3)[0]
    noisy = np.clip(img0.astype(int) + np.random.default_rng(0).integers(-3, 4, img0.shape), 0, 255)
    assert keep.verdict((img0, gt, img1)) is None
    assert keep.verdict((img0, img0, noisy.astype(np.uint8))) == "static"
    assert keep.verdict((img0, gt, other)) == "uneven"  # cut
    assert keep.verdict((other, img0, gt)) == "uneven"
    assert keep.verdict((img0, img0, img1)) == "uneven"  # doubled frame
    nothing = TripletFilter(static=0, uneven=0)
    assert nothing.verdict((img0, img0, img0)) is None
    assert nothing.verdict((img0, gt, other)) is None
    with pytest.raises(ValueError, match="must not be negative"):
        TripletFilter(static=-1)


def test_augmented_depends_on_seed_epoch_and_index_alone() -> None:
    def crop(seed: int, epoch: int, index: int) -> bytes:
        dataset = Augmented(SampleTriplets(), Augment(crop=64), seed)
        dataset.set_epoch(epoch)
        return dataset[index]["img0"].numpy().tobytes()

    assert crop(0, 3, 5) == crop(0, 3, 5)
    assert len({crop(0, 3, 5), crop(1, 3, 5), crop(0, 4, 5), crop(0, 3, 6)}) == 4
