"""Small networks of every shape of the family, with weights that make channels differ."""

import zlib
from dataclasses import replace

import numpy as np
import torch

from vfi.models import RIFE, VARIANTS, BlockSpec, RefineSpec, RIFESpec, StageSpec


def small_spec(name: str, refine: bool = True, teacher: bool = False) -> RIFESpec:
    """The official variant with few channels; neighbours in a concatenation differ in width."""
    spec = VARIANTS[name]
    small = RefineSpec(
        context=tuple(StageSpec(3, 2 + k % 2) for k in range(4)),
        down=tuple(StageSpec(3, 5 - k % 2) for k in range(4)),
        up=(5, 4, 3, 2),
    )
    spec = spec.replace(
        blocks=tuple(_small_block(i, block) for i, block in enumerate(spec.blocks)),
        encoder=spec.encoder and replace(spec.encoder, widths=(3, 2, 3), out=2),
        refine=small if refine and spec.refine else None,
    )
    return spec.replace(teacher=BlockSpec.uniform(4, 1)) if teacher else spec.for_inference()


def shallow_spec(refine: bool = True) -> RIFESpec:
    """A small v4.0 of its first and last block alone: all that it takes is half as much."""
    spec = small_spec("rife_v4.0", refine)
    return spec.replace(blocks=(spec.blocks[0], spec.blocks[-1]))


def _small_block(index: int, block: BlockSpec) -> BlockSpec:
    inner = {"residuals": 2} if block.residuals else {"hidden": (2, 3, 2, 3, 2, 3, 2)}
    return replace(block, stem=2 + index % 2, trunk=4 - index % 2, **inner)


def narrow_network() -> RIFE:
    """A narrow rife_v4.0 with its teacher block, of even widths and random weights."""
    official = VARIANTS["rife_v4.0"]
    blocks = tuple(BlockSpec.uniform(8, block.scale) for block in official.blocks)
    teacher, refine = BlockSpec.uniform(8, 1), RefineSpec.uniform(4)
    torch.manual_seed(0)
    return RIFE(official.replace(blocks=blocks, teacher=teacher, refine=refine)).eval()


def fill(network: RIFE, gain: float = 0.5) -> RIFE:
    """Weights drawn from the crc32 of their names; with the gain of 0.5 as in the golden files."""
    state = {}
    for name, tensor in network.state_dict().items():
        shape = tuple(tensor.shape)
        random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
        if name.endswith(".beta"):
            values = 0.5 + 0.1 * random.standard_normal(shape)
        elif len(shape) == 4:
            values = random.standard_normal(shape) * gain * (2 / np.prod(shape[1:])) ** 0.5
        elif name.endswith(".bias"):
            values = random.standard_normal(shape) * 0.01
        else:
            values = np.full(shape, 0.25)
        state[name] = torch.from_numpy(values.astype(np.float32))
    network.load_state_dict(state)
    return network.eval()


def frames(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two smooth frames ``(1, 3, H, W)`` that look like motion."""
    y = torch.linspace(0, 6, height).reshape(1, 1, -1, 1)
    x = torch.linspace(0, 6, width).reshape(1, 1, 1, -1)
    phase = torch.tensor([0.0, 1.0, 2.0]).reshape(1, 3, 1, 1)
    return tuple(((x + phase + shift).sin() * (y - shift).cos() + 1) / 2 for shift in (0, 0.3))


def run(network: RIFE, height: int = 0, width: int = 0) -> torch.Tensor:
    """The network's middle frame for `frames`, by default of the least size of at least 32."""
    least = max(32, network.spec.stride())
    height, width = height or least, width or least
    dtype = next(network.parameters()).dtype
    with torch.inference_mode():
        return network(*(frame.to(dtype) for frame in frames(height, width))).frame
