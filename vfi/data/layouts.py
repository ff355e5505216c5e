"""How known interpolation sets lie in their folders.

A layout is data: a function from a folder to the relative paths of its triplets, and the words
that help when the folder holds something else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vfi.data.images import png_size
from vfi.files import natural_key


class TripletPaths(NamedTuple):
    """A triplet's name and its three images, relative to the set's folder."""

    id: str
    img0: str
    gt: str
    img1: str

    @property
    def frames(self) -> tuple[str, str, str]:
        """The paths of img0, gt and img1."""
        return self.img0, self.gt, self.img1


@dataclass(frozen=True)
class Layout:
    """One way triplets lie in a folder.

    Attributes:
        name: the name used in configurations.
        title: the name used in reports.
        expects: what the folder should hold, for error messages.
        find: lists the triplets of (folder, split), ordered the same way everywhere.
        counts: the published number of triplets per split; a set without splits has the split "".
        default_split: the split used when none is given.
    """

    name: str
    title: str
    expects: str
    find: Callable[[Path, str], list[TripletPaths]]
    counts: dict[str, int]
    default_split: str = ""

    def triplets(self, root: Path, split: str | None = None) -> list[TripletPaths]:
        """The triplets under ``root``; their files are listed, not opened.

        Raises:
            FileNotFoundError: if there is no folder ``root``, or the set's list file is missing.
            ValueError: if the split is unknown or the folder holds no triplet.
        """
        split = self.default_split if split is None else split
        if split not in self.counts:
            allowed = ", ".join(filter(None, self.counts)) or "none: leave it out"
            raise ValueError(f"unknown split {split!r} of {self.name}; allowed: {allowed}")
        require_folder(root, self.expects)
        triplets = self.find(root, split)
        if not triplets:
            raise ValueError(f"no triplets in {root}; {self.name} expects {self.expects}")
        return triplets


def require_folder(root: Path, expects: str) -> None:
    """Raises FileNotFoundError or ValueError, saying what was expected, if it is no folder."""
    if not root.exists():
        raise FileNotFoundError(f"no folder {root}; give a folder with {expects}")
    if not root.is_dir():
        raise ValueError(f"{root} is a file; give a folder with {expects}")


def check_triplets(root: Path, triplets: list[TripletPaths]) -> None:
    """Opens the head and tail of every image, so that a damaged set fails before work is done.

    Raises:
        ValueError: for the first half triplet, unreadable PNG, or triplet of unequal sizes.
    """
    for triplet in triplets:
        missing = [path for path in triplet.frames if not (root / path).is_file()]
        if missing:
            raise ValueError(
                f"half a triplet: {' and '.join(missing)} missing in {root}; "
                f"restore the set or remove the triplet {triplet.id}"
            )
        sizes = {path: png_size(root / path) for path in triplet.frames if path.endswith(".png")}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{path} is {w}x{h}" for path, (h, w) in sizes.items())
            raise ValueError(f"frames of different sizes in {root}: {listed}; restore the set")


def _folders_holding(root: Path, names: tuple[str, ...]) -> list[str]:
    folders = (entry for entry in root.iterdir() if entry.is_dir())
    holding = (entry.name for entry in folders if any((entry / name).exists() for name in names))
    return sorted(holding, key=natural_key)


def _ucf101(root: Path, split: str) -> list[TripletPaths]:
    names = ("frame_00.png", "frame_01_gt.png", "frame_02.png")
    return [
        TripletPaths(folder, *(f"{folder}/{name}" for name in names))
        for folder in _folders_holding(root, names)
    ]


def _vimeo90k(root: Path, split: str) -> list[TripletPaths]:
    names = (f"sequences/{line}" for line in _lines(root, (f"tri_{split}list.txt",)))
    return [
        TripletPaths(name.removeprefix("sequences/"), *(f"{name}/im{i}.png" for i in (1, 2, 3)))
        for name in names
    ]


def _middlebury(root: Path, split: str) -> list[TripletPaths]:
    require_folder(root / "other-data", "<scene>/frame10.png, frame11.png")
    require_folder(root / "other-gt-interp", "<scene>/frame10i11.png")
    return [
        TripletPaths(
            scene,
            f"other-data/{scene}/frame10.png",
            f"other-gt-interp/{scene}/frame10i11.png",
            f"other-data/{scene}/frame11.png",
        )
        # scenes without a truth exist in the set's evaluation half and are no triplets
        for scene in _folders_holding(root / "other-gt-interp", ("frame10i11.png",))
    ]


def _snufilm(root: Path, split: str) -> list[TripletPaths]:
    file = f"test-{split}.txt"
    triplets = []
    for line in _lines(root, (file, f"eval_modes/{file}")):
        # the authors' lists start every path with the place of their own copy
        paths = [path.rpartition("SNU-FILM/")[2] for path in line.split()]
        if len(paths) != 3:
            raise ValueError(f"{file} in {root}: expected three paths in a line, not {line!r}")
        triplets.append(TripletPaths(paths[1].removesuffix(".png"), *paths))
    return triplets


def _lines(root: Path, names: tuple[str, ...]) -> list[str]:
    for name in names:
        if (root / name).is_file():
            lines = (line.strip() for line in (root / name).read_text("utf-8").splitlines())
            return [line for line in lines if line]
    raise FileNotFoundError(f"no list {names[0]} in {root}; it comes with the set")


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "ucf101",
            "UCF-101 (Deep Voxel Flow)",
            "<id>/frame_00.png, frame_01_gt.png, frame_02.png",
            _ucf101,
            {"": 379},
        ),
        Layout(
            "vimeo90k",
            "Vimeo-90K triplets",
            "tri_trainlist.txt, tri_testlist.txt and sequences/<a>/<b>/im1.png, im2.png, im3.png",
            _vimeo90k,
            {"train": 51313, "test": 3782},
            "test",
        ),
        Layout(
            "middlebury",
            "Middlebury OTHER",
            "other-data/<scene>/frame10.png, frame11.png; other-gt-interp/<scene>/frame10i11.png",
            _middlebury,
            {"": 12},
        ),
        Layout(
            "snufilm",
            "SNU-FILM",
            "test-easy.txt, test-medium.txt, test-hard.txt, test-extreme.txt and test/",
            _snufilm,
            dict.fromkeys(("easy", "medium", "hard", "extreme"), 310),
            "hard",
        ),
    )
}
