"""Networks with known weights and the recorded outputs of the authors' networks."""

import math
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.paths import GOLDEN
from vfi.checkpoints import load_network
from vfi.models import RIFE, BlockSpec, RefineSpec, variant


@cache
def golden_keys(name: str) -> dict[str, tuple[int, ...]]:
    """The authors' tensor names and shapes, in their order, without ``module.``."""
    lines = (GOLDEN / f"{name}_keys.txt").read_text().splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line)
    return {
        key.removeprefix("module."): tuple(int(size) for size in re.findall(r"\d+", shape))
        for key, shape in pairs
    }


def procedural_tensor(key: str, shape: tuple[int, ...]) -> Tensor:
    """Weights that anyone can draw again: seeded by the tensor's name alone."""
    values = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(shape)
    if key.endswith(".beta"):
        values = np.full(shape, 0.5)
    elif len(shape) == 4:
        values = values * 0.5 * math.sqrt(2 / math.prod(shape[1:]))
    elif key.endswith(".bias"):
        values = values * 0.01
    else:
        values = np.full(shape, 0.25)  # PReLU slopes
    return torch.from_numpy(values.astype(np.float32))


@cache
def _procedural(name: str) -> RIFE:
    network = RIFE(variant(name))
    state = {key: procedural_tensor(key, shape) for key, shape in golden_keys(name).items()}
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


@pytest.fixture
def keys() -> Callable[[str], dict[str, tuple[int, ...]]]:
    return golden_keys


@pytest.fixture
def procedural() -> Callable[[str], RIFE]:
    """``procedural(name)``: the official network of that name with procedural weights."""
    return _procedural


@pytest.fixture(scope="session")
def pretrained() -> RIFE:
    """The authors' rife_v4.0, teacher included."""
    try:
        return load_network("rife_v4.0", teacher=True).requires_grad_(False)
    except ValueError as error:
        pytest.skip(f"no pretrained weights: {error}")


@pytest.fixture
def golden() -> Callable[[str], dict[str, Tensor]]:
    """``golden(name)``: the arrays of a file, frames as floats in [0, 1]."""

    def load(name: str) -> dict[str, Tensor]:
        with np.load(GOLDEN / f"{name}.npz") as arrays:
            tensors = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
        return {k: t.float() / 255 if t.dtype == torch.uint8 else t for k, t in tensors.items()}

    return load


def _narrow(index: int, block: BlockSpec) -> BlockSpec:
    inner = {"residuals": 3} if block.residuals else {"hidden": (8, 7, 11)}
    return replace(block, stem=5 + index, trunk=9 + index, **inner)


@pytest.fixture
def tiny() -> Callable[[str], RIFE]:
    """``tiny(name)``: a narrow network of that variant, every width different, seeded.

    More arguments change its spec.
    """

    def build(name: str, **changes: object) -> RIFE:
        spec = variant(name).replace(**changes)
        narrow = spec.replace(
            blocks=tuple(_narrow(i, block) for i, block in enumerate(spec.blocks)),
            teacher=BlockSpec(1, 4, 6, (5,)),
            refine=RefineSpec.uniform(3),
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return RIFE(narrow).eval()

    return build


@pytest.fixture
def frames() -> tuple[Tensor, Tensor]:
    """Two frames ``(2, 3, 64, 96)``: smooth texture, the second one shifted by (3, 2) pixels."""
    noise = torch.rand(2, 3, 10, 14, generator=torch.Generator().manual_seed(1))
    smooth = torch.nn.functional.interpolate(
        noise, size=(70, 102), mode="bicubic", align_corners=True
    ).clamp(0, 1)
    return smooth[..., :64, :96].clone(), smooth[..., 2:66, 3:99].clone()
