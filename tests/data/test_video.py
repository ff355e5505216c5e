"""Streaming: each triplet exactly once, whoever reads; draws by seed and epoch alone."""

import logging
import os
from collections import Counter
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tests.helpers.small_media import LENGTHS, numbered, textured, write_clip, write_png
from vfi.data import Augment, StreamSpec, TripletFilter, VideoTriplets
from vfi.data.mixing import shuffled


def ids(dataset: VideoTriplets, workers: int = 0) -> list[str]:
    """The names of all triplets, through a loader."""
    return [item["id"] for item in DataLoader(dataset, batch_size=None, num_workers=workers)]


def all_triplets(stride: int) -> set[str]:
    """The names of every triplet in the ``clips`` folder."""
    return {
        f"{name}@{start}+{stride}"
        for name, count in LENGTHS.items()
        for start in range(count - 2 * stride)
    }


@pytest.mark.parametrize("stride", [1, 3])
def test_triplets_are_equally_spaced(clips: Path, stride: int) -> None:
    order = sorted(LENGTHS)
    found = list(LENGTHS)
    for item in VideoTriplets(clips, stream=StreamSpec(stride=stride)):
        name, _, rest = item["id"].partition("@")
        start = int(rest.partition("+")[0])
        reds, greens, blues = (
            {int(item[key][c, y, x]) for y, x in ((0, 0), (31, 31))}
            for c, key in ((0, "gt"), (1, "gt"), (2, "gt"))
        )
        assert (reds, greens, blues) == ({start + stride}, {found.index(name)}, {77})
        assert int(item["img0"][0, 0, 0]) == start == item["index"]
        assert int(item["img1"][0, 0, 0]) == start + 2 * stride
        assert item["img0"].shape == (3, 32, 32)
    assert order == [clip.name for clip in VideoTriplets(clips).clips]


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_each_triplet_exactly_once(clips: Path, workers: int, world_size: int) -> None:
    given = Counter()
    for rank in range(world_size):
        dataset = VideoTriplets(clips, rank=rank, world_size=world_size)
        given.update(ids(dataset, workers))
    assert set(given) == all_triplets(1)
    assert set(given.values()) == {1}


def test_more_shards_than_clips_share_them(tmp_path: Path) -> None:
    write_clip(tmp_path / "only.mkv", numbered(0, 12))
    parts = [ids(VideoTriplets(tmp_path, rank=rank, world_size=3), 2) for rank in range(3)]
    assert sorted(map(len, parts)) == [2, 4, 4]
    assert Counter(chain(*parts)) == Counter(f"only.mkv@{i}+1" for i in range(10))


def test_stride_range_is_used_and_drawn_alike_everywhere(clips: Path) -> None:
    spec = StreamSpec(stride=(1, 3))
    alone = ids(VideoTriplets(clips, stream=spec))
    assert {name[-1] for name in alone} == {"1", "2", "3"}
    shared = [ids(VideoTriplets(clips, stream=spec, rank=r, world_size=2), 2) for r in range(2)]
    assert Counter(chain(*shared)) == Counter(alone)
    starts = Counter(name.partition("+")[0] for name in alone)
    assert set(starts.values()) == {1}


def test_order_and_draws_follow_seed_and_epoch(clips: Path) -> None:
    def read(seed: int, epoch: int) -> list[tuple[str, bytes]]:
        dataset = VideoTriplets(
            clips, stream=StreamSpec(stride=(1, 2)), augment=Augment(crop=8), seed=seed
        )
        dataset.set_epoch(epoch)
        return [(item["id"], item["img0"].numpy().tobytes()) for item in dataset]

    first = read(0, 0)
    assert read(0, 0) == first
    assert read(0, 1) != first
    assert read(1, 0) != first
    assert [name for name, _ in first] != sorted(name for name, _ in first)


def test_step_spaces_the_starts_and_moves_with_the_epoch(tmp_path: Path) -> None:
    write_clip(tmp_path / "x.mkv", numbered(0, 30))
    dataset = VideoTriplets(tmp_path, stream=StreamSpec(step=4))
    phases = set()
    for epoch in range(12):
        dataset.set_epoch(epoch)
        starts = sorted(int(name[6:].partition("+")[0]) for name in ids(dataset))
        assert set(np.diff(starts)) == {4}
        phases.add(starts[0])
    assert phases == {0, 1, 2, 3}


def test_repeat_never_ends_and_draws_each_pass_anew(clips: Path) -> None:
    stream = iter(VideoTriplets(clips, repeat=True))
    count = len(all_triplets(1))
    passes = [[next(stream)["id"] for _ in range(count)] for _ in range(3)]
    assert all(set(names) == all_triplets(1) for names in passes)
    assert passes[0] != passes[1] != passes[2]


def test_repeat_of_nothing_is_an_error(tmp_path: Path) -> None:
    write_clip(tmp_path / "still.mkv", [textured(0)] * 6)
    with pytest.raises(ValueError, match=r"none of the triplets .* was kept: .*static=4"):
        next(iter(VideoTriplets(tmp_path, keep=TripletFilter(), repeat=True)))


def test_filter_counts_what_it_rejects_also_in_workers(tmp_path: Path) -> None:
    write_clip(tmp_path / "still.mkv", [textured(0)] * 6)
    write_clip(
        tmp_path / "cut.mkv", [frame * 9 for frame in numbered(0, 5)] + [textured(9, 32, 32)] * 2
    )
    write_clip(tmp_path / "good.mkv", [frame * 9 for frame in numbered(0, 9)])
    for workers in (0, 2):
        dataset = VideoTriplets(tmp_path, keep=TripletFilter())
        names = ids(dataset, workers)
        assert {name.partition("@")[0] for name in names} == {"good.mkv", "cut.mkv"}
        assert not {"cut.mkv@3+1", "cut.mkv@4+1"} & set(names)
        summary = dataset.summary
        assert (summary.static, summary.uneven) == (4, 2)
        assert summary.triplets == len(names) == 10


@pytest.mark.parametrize("workers", [0, 1])
def test_damaged_clips_are_skipped_counted_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture, workers: int
) -> None:
    write_clip(tmp_path / "good.mkv", numbered(0, 9))
    (tmp_path / "words.mp4").write_text("words")
    write_clip(tmp_path / "short.mkv", numbered(0, 2))
    path = write_clip(tmp_path / "cut.avi", numbered(0, 60))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    write_png(tmp_path / "mixed" / "0.png", textured(0))
    write_png(tmp_path / "mixed" / "1.png", textured(0))
    write_png(tmp_path / "mixed" / "2.png", textured(0, height=10))
    dataset = VideoTriplets(tmp_path)
    with caplog.at_level(logging.WARNING):
        first = ids(dataset, workers)
        second = ids(dataset, workers)
    assert Counter(first) == Counter(second)
    assert {name.partition("@")[0] for name in first} == {"good.mkv", "cut.avi"}
    assert sum(name.startswith("good") for name in first) == 7
    assert 5 < sum(name.startswith("cut") for name in first) < 50
    assert dataset.summary.damaged == ("cut.avi", "mixed", "short.mkv", "words.mp4")
    assert dataset.summary.clips == 5
    if workers == 0:
        (record,) = caplog.records
        assert "4 of 5 clips" in record.message
        for name in dataset.summary.damaged:
            assert name in record.message


def test_shuffle_buffer_is_bounded_and_loses_nothing(clips: Path) -> None:
    items = list(VideoTriplets(clips, stream=StreamSpec(shuffle_mib=0, open_clips=1)))
    size = sum(items[0][key].nbytes for key in ("img0", "gt", "img1"))
    taken, highest = 0, 0

    def source():
        nonlocal taken
        for item in items:
            taken += 1
            yield item

    given = []
    for item in shuffled(source(), 5 * size, np.random.default_rng(0)):
        given.append(item["id"])
        highest = max(highest, taken - len(given))
    assert highest == 5
    assert Counter(given) == Counter(item["id"] for item in items)
    assert given != [item["id"] for item in items]


def test_no_buffer_and_one_open_clip_keeps_the_order_of_each_clip(clips: Path) -> None:
    names = ids(VideoTriplets(clips, stream=StreamSpec(shuffle_mib=0, open_clips=1)))
    groups = [name.partition("@")[0] for name in names]
    assert sum(a != b for a, b in pairwise(groups)) == len(LENGTHS) - 1
    one = [int(n[6:].partition("+")[0]) for n in names if n.startswith("b.avi")]
    assert one == list(range(12))


def test_clips_are_mixed_by_default(clips: Path) -> None:
    groups = [name.partition("@")[0] for name in ids(VideoTriplets(clips))]
    assert sum(a != b for a, b in pairwise(groups)) > len(LENGTHS)


def test_batches_of_crops_from_clips_of_many_sizes(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mkv", numbered(0, 6, side=48))
    write_clip(tmp_path / "b.mkv", numbered(1, 6, side=20))
    dataset = VideoTriplets(tmp_path, augment=Augment(crop=24))
    batches = list(DataLoader(dataset, batch_size=4, num_workers=1))
    assert [tuple(batch["gt"].shape) for batch in batches] == [(4, 3, 24, 24)] * 2
    assert batches[0]["gt"].dtype == torch.uint8


def test_identity_follows_names_and_sizes(clips: Path, tmp_path: Path) -> None:
    identity = VideoTriplets(clips).identity()
    assert (identity["count"], identity["kind"]) == (5, "video")
    listed = tmp_path / "list.txt"
    listed.write_text("a.mkv\n")
    assert VideoTriplets(clips, hold_out=listed).identity()["sha256"] != identity["sha256"]
    assert VideoTriplets(clips).identity() == identity


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stride": 0}, "stride is 0"),
        ({"stride": (3, 2)}, "rising pair"),
        ({"step": 0}, "step is 0"),
        ({"open_clips": 0}, "open_clips is 0"),
        ({"shuffle_mib": -1}, "shuffle_mib is -1"),
        ({"short_side": 4}, "short_side is 4"),
    ],
)
def test_bad_options(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StreamSpec(**options)


def test_real_ucf101_clips() -> None:
    root = Path(os.environ.get("VFI_DATA", "")) / "ucf101_raw"
    if not os.environ.get("VFI_DATA") or not root.is_dir():
        pytest.skip("VFI_DATA, the folder of the real data, is not set")
    dataset = VideoTriplets(root, stream=StreamSpec(step=40), augment=Augment(crop=224))
    items = list(dataset)
    assert dataset.summary.damaged == ()
    assert 5 <= len(items) <= 8
    assert {tuple(item["gt"].shape) for item in items} == {(3, 224, 224)}
