"""Triplets rendered from photographs: to train on, and to validate on by classes of motion."""

import hashlib
import os
from collections.abc import Callable

import numpy as np
import torch
from torch.utils.data import Dataset

from vfi.data.augment import Augment, keyed_rng
from vfi.data.images import Triplet, make_triplet
from vfi.data.rendered.degrading import check_codec, degrade
from vfi.data.rendered.drawing import draw_frames, true_motion
from vfi.data.rendered.photos import Photos
from vfi.data.rendered.scene import Scene, draw_scene
from vfi.data.rendered.spec import RenderSpec

CLASSES: dict[str, tuple[float, float]] = {
    "under8": (0.0, 8.0),
    "8to24": (8.0, 24.0),
    "over24": (24.0, float("inf")),
}
"""Classes of motion by name: from and below, pixels from img0 to img1 (see `Truth.motion`)."""

_WINDOW = 48  # photographs in use at a time, so that few are decoded and none stays for long
_PER_PHOTO = 4  # triplets after which the window moves on by one


class RenderedTriplets(Dataset[Triplet]):
    """Triplets of one size, each decided by (seed, epoch, index) alone.

    Args:
        root: folder of pictures, at any depth.
        crop: side of the frames, pixels; smaller pictures are left out.
        spec: the distributions; by default `RenderSpec`'s own.
        augment: varies the colours, as of other sources' triplets; what it does to the geometry and
            its bars are left to ``spec``, so that the true flow stays true. None varies nothing.
        count: triplets in an epoch; by default as many as there are photographs.
        held_out: True takes the photographs for validation, False those for training, None all.
        flow: give the truth, too: ``flow`` (4, H, W) float32 and ``occluded`` (2, H, W) bool of
            `Truth`.
        seed: with the epoch and the index, decides everything.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no picture of it can be used, or ``count`` is below 1.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        crop: int = 192,
        spec: RenderSpec | None = None,
        augment: Augment | None = None,
        count: int | None = None,
        held_out: bool | None = False,
        flow: bool = False,
        seed: int = 0,
    ) -> None:
        if crop < 32:
            raise ValueError(f"crop is {crop}; scenes are drawn from 32 pixels on")
        if count is not None and count < 1:
            raise ValueError(f"count is {count}; it must be at least 1 triplet")
        spec = spec or RenderSpec()
        check_codec(spec)
        self.photos = Photos(root, crop, held_out, keep=_WINDOW)
        self.crop = crop
        self.spec = spec
        self.augment = augment
        self.count = count or len(self.photos)
        self.flow = flow
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch's scenes; takes effect when workers next start."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Triplet:
        if not 0 <= index < self.count:
            raise IndexError(f"triplet {index} of {self.count}")
        return self.render(index)

    def render(self, index: int) -> Triplet:
        """The triplet of any index from 0 on: there is no end to them."""
        rng = keyed_rng(self.seed, self.epoch, index)
        scene, name = self.scene(index, rng)
        frames = draw_frames(scene, self.spec.exposures)
        if self.augment:
            frames = [np.ascontiguousarray(f) for f in _colours(self.augment).vary(frames, rng)]
        frames = degrade(frames, self.spec, rng)
        triplet = make_triplet(frames, f"{name}#{index}", index)
        triplet["timestep"] = scene.timestep
        if self.flow:
            truth = true_motion(scene)
            return {  # type: ignore[typeddict-unknown-key]
                **triplet,
                "flow": torch.from_numpy(truth.flow),
                "occluded": torch.from_numpy(truth.occluded),
            }
        return triplet

    def scene(self, index: int, rng: np.random.Generator) -> tuple[Scene, str]:
        """The scene of a triplet, and the name of the photograph behind it."""
        picked: list[int] = []
        return draw_scene(self.spec, self.crop, self._pick(index, rng, picked), rng), (
            self.photos.name(picked[0])
        )

    def identity(self) -> dict[str, object]:
        """What this is: name, kind, count, and a SHA-256 of the photographs' names and sizes."""
        digest = hashlib.sha256(repr(self.spec).encode())
        for number, path in enumerate(self.photos.paths):
            digest.update(f"{path.stat().st_size}  {self.photos.name(number)}\n".encode())
        return {
            "name": f"rendered from {len(self.photos)} photographs of {self.photos.root.name}",
            "kind": "rendered",
            "count": len(self),
            "sha256": digest.hexdigest(),
            "fingerprint": "names and sizes, distributions",
            "benchmark": None,
        }

    def _pick(
        self, index: int, rng: np.random.Generator, picked: list[int]
    ) -> Callable[[], np.ndarray]:
        """Gives photographs out of a window that moves through an order of the epoch."""
        order = keyed_rng(self.seed, self.epoch).permutation(len(self.photos))
        window = min(_WINDOW, len(order))

        def pick() -> np.ndarray:
            place = index // _PER_PHOTO + int(rng.integers(window))
            picked.append(int(order[place % len(order)]))
            return self.photos[picked[-1]]

        return pick


def _colours(augment: Augment) -> Augment:
    """The same without what would change the geometry."""
    return Augment(
        crop=None,
        flip=False,
        rotate=False,
        reverse_time=False,
        reverse_channels=augment.reverse_channels,
        jitter=augment.jitter,
    )


class RenderedClasses(Dataset[Triplet]):
    """A fixed list of rendered triplets from held-out photographs, as many of each class of motion.

    An id ends in its class, as in ``bsds_1.jpg#7 motion_8to24``. The frames are held as one uint8
    tensor in shared memory.

    Args:
        root: folder of pictures; those are taken that training leaves out.
        per_class: triplets in each of `CLASSES`.
        size: side of the frames, pixels.
        spec: the distributions; by default `RenderSpec`'s own.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no picture of it can be used, ``per_class`` is below 1, or the distributions
            hardly ever give a class.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        per_class: int = 16,
        size: int = 256,
        spec: RenderSpec | None = None,
    ) -> None:
        if per_class < 1:
            raise ValueError(f"per_class is {per_class}; it must be at least 1 triplet")
        rendered = RenderedTriplets(root, size, spec, held_out=True)
        self.photos = rendered.photos
        found: dict[str, list[Triplet]] = {name: [] for name in CLASSES}
        for index in range(100 * per_class):
            if all(len(triplets) == per_class for triplets in found.values()):
                break
            scene, _ = rendered.scene(index, keyed_rng(rendered.seed, rendered.epoch, index))
            label = class_of(true_motion(scene).motion)
            if len(found[label]) < per_class:
                triplet = rendered.render(index)
                triplet["id"] += f" motion_{label}"
                found[label].append(triplet)
        if missing := [name for name, triplets in found.items() if len(triplets) < per_class]:
            raise ValueError(
                f"too few scenes of motion {', '.join(missing)} pixels; widen the speed of the "
                f"render settings ({rendered.spec.speed})"
            )
        chosen = [triplet for triplets in found.values() for triplet in triplets]
        self.ids = [triplet["id"] for triplet in chosen]
        self.timesteps = [triplet["timestep"] for triplet in chosen]
        frames = [torch.stack([t["img0"], t["gt"], t["img1"]]) for t in chosen]
        self.frames = torch.stack(frames).share_memory_()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Triplet:
        img0, gt, img1 = self.frames[index]
        return Triplet(
            img0=img0,
            gt=gt,
            img1=img1,
            timestep=self.timesteps[index],
            id=self.ids[index],
            index=index,
        )

    def identity(self) -> dict[str, object]:
        """What this set is: name, kind, count, and a SHA-256 of its pixels and names."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(self.frames.numpy())
        return {
            "name": f"rendered from held-out photographs of {self.photos.root.name}",
            "kind": "rendered",
            "count": len(self),
            "sha256": digest.hexdigest(),
            "fingerprint": "contents",
            "benchmark": None,
        }


def class_of(motion: float) -> str:
    """The name in `CLASSES` of a motion in pixels."""
    return next(name for name, (low, high) in CLASSES.items() if low <= motion < high)
