"""Sharing a set among processes, and taking up an epoch where it was left."""

import subprocess
import sys

import pytest
import torch
from torch.utils.data import DistributedSampler, TensorDataset

from vfi.data import SampleTriplets
from vfi.data.loading import EpochLoader, Place, Shard, check_workers, collate, most_workers


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_shares_cover_every_index_once(world_size):
    dataset = SampleTriplets()
    shares = [list(Shard(dataset, rank, world_size)) for rank in range(world_size)]
    assert sorted(index for share in shares for index in share) == list(range(len(dataset)))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert [len(Shard(dataset, rank, world_size)) for rank in range(world_size)] == [
        len(share) for share in shares
    ]


def test_a_share_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="24 triplets are too few for 25 processes"):
        Shard(SampleTriplets(), 0, 25)


class Counting(TensorDataset):
    """Remembers the epochs that it is told."""

    def __init__(self) -> None:
        super().__init__(torch.arange(10))
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)


def numbers(loader):
    return [batch[0].tolist() for batch in loader]


def test_an_epoch_has_the_steps_it_is_given_and_knows_its_number():
    dataset, epoch = Counting(), 3
    loader = EpochLoader(dataset, lambda: epoch, steps=3, batch_size=2)
    assert numbers(loader) == [[0, 1], [2, 3], [4, 5]]
    assert len(loader) == 3
    assert dataset.epochs == [3]
    assert len(EpochLoader(dataset, lambda: epoch, batch_size=2)) == 5


def test_an_epoch_goes_on_where_it_was_left_once():
    epoch = 4
    loader = EpochLoader(Counting(), lambda: epoch, steps=4, batch_size=2)
    loader.load_state_dict({"epoch": 4, "batches": 3})
    assert numbers(loader) == [[6, 7]]
    epoch = 5
    assert len(numbers(loader)) == 4


class Epochs(TensorDataset):
    """Numbers, in an order of each epoch."""

    def __init__(self) -> None:
        super().__init__(torch.arange(46))

    def set_epoch(self, epoch):
        pass


def at(place, number, steps=None):
    """What a process reads of an epoch in batches of two."""

    def elsewhere(place, number):
        return at(place, number, steps)

    dataset = Epochs()
    sampler = DistributedSampler(
        dataset, place.world_size, place.rank, shuffle=True, drop_last=True
    )
    return EpochLoader(
        dataset,
        lambda: number,
        steps=steps,
        place=place,
        elsewhere=elsewhere,
        sampler=sampler,
        batch_size=2,
        drop_last=True,
    )


@pytest.mark.parametrize("processes", [(2, 1), (1, 2), (3, 2), (2, 3, 1), (2, 3, 2)])
def test_an_epoch_goes_on_with_another_number_of_processes(processes):
    given, state = [], None
    for turn, count in enumerate(processes):
        loaders = [at(Place(rank, count), 1) for rank in range(count)]
        for loader in loaders:
            loader.load_state_dict(state)
        read = [numbers(loader) for loader in loaders]
        assert len({len(batches) for batches in read}) == 1
        begun = loaders[0]._start["batches"] if state else 0
        assert loaders[0].steps_of(1) == (begun + len(read[0]) if state else None)
        last = turn == len(processes) - 1
        taken = len(read[0]) if last else 3
        given += [n for batches in read for batch in batches[:taken] for n in batch]
        state = loaders[0].position(1, begun + taken)
    assert len(given) == len(set(given))
    whole = {1: 46, 2: 44, 3: 42}[processes[0]]  # what the first ones would have read
    assert whole - len(given) <= 2 * (processes[-1] - 1)


def test_a_batch_of_different_sizes_names_its_triplets():
    def item(name, height):
        frame = torch.zeros(3, height, 8)
        return {"id": name, "img0": frame, "gt": frame, "img1": frame}

    assert collate([item("a", 6), item("b", 6)])["gt"].shape == (2, 3, 6, 8)
    with pytest.raises(ValueError, match=r"a \(8x6\), b \(8x7\); use a batch_size of 1"):
        collate([item("a", 6), item("b", 7)])


def test_a_number_of_workers_is_bounded():
    check_workers(0)
    check_workers(most_workers())
    for count in (-1, most_workers() + 1):
        with pytest.raises(ValueError, match=f"num_workers is {count}"):
            check_workers(count)


BROKEN = """
from torch.utils.data import IterableDataset
from vfi.data.loading import EpochLoader, loading_options

class Broken(IterableDataset):
    def __iter__(self):
        yield 0
        raise OSError("the disk is gone")

batches = iter(EpochLoader(Broken(), lambda: 0, **loading_options(1)))
while True:
    next(batches)
"""


def test_a_program_ends_whose_worker_fails():
    command = [sys.executable, "-c", BROKEN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "OSError: the disk is gone" in done.stderr
