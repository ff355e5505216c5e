"""The official members of the RIFE family.

Sources: the authors' ``model/IFNet.py`` and ``model/IFNet_m.py`` (ECCV2022-RIFE), and their
``IFNet_HDv3.py`` of versions 4.0, 4.6, 4.22-lite, 4.25 and 4.25-lite (Practical-RIFE, mirrored by
vs-rife). Version 4.26 has the shape of 4.25: its files load as ``rife_v4.25``.
"""

from vfi.models.parts import BlockSpec, EncoderSpec, RefineSpec
from vfi.models.spec import RIFESpec


def _blocks(widths: tuple[int, ...], scales: tuple[int, ...]) -> tuple[BlockSpec, ...]:
    return tuple(BlockSpec.uniform(w, s) for w, s in zip(widths, scales, strict=True))


def _paper(variant: str, time: tuple[str, ...]) -> RIFESpec:
    inputs = ("img0", "img1", *time, "warped0", "warped1", "mask")
    return RIFESpec(
        variant=variant,
        blocks=_blocks((240, 150, 90), (4, 2, 1)),
        first_inputs=("img0", "img1", *time),
        inputs=inputs,
        teacher=BlockSpec.uniform(90, 1),
        teacher_inputs=(*inputs, "gt"),
        refine=RefineSpec.uniform(16),
    )


def _later(version: str, widths: tuple[int, ...], scales: tuple[int, ...]) -> RIFESpec:
    """4.22-lite and later: a frame encoder, features passed on, a mask of each block's own."""
    return RIFESpec(
        variant=f"rife_v{version}",
        blocks=tuple(BlockSpec.residual(w, s) for w, s in zip(widths, scales, strict=True)),
        first_inputs=("img0", "img1", "encoded0", "encoded1", "timestep"),
        inputs=(
            *("warped0", "warped1", "warped_encoded0", "warped_encoded1"),
            *("timestep", "mask", "features"),
        ),
        encoder=EncoderSpec(widths=(16, 16, 16), out=4, slope=0.2),
        features=8,
        accumulate_mask=False,
    )


VARIANTS: dict[str, RIFESpec] = {
    "rife": _paper("rife", ()),
    "rife_m": _paper("rife_m", ("timestep",)),
    "rife_v4.0": RIFESpec(
        variant="rife_v4.0",
        blocks=_blocks((192, 128, 96, 64), (8, 4, 2, 1)),
        first_inputs=("img0", "img1", "timestep"),
        inputs=("warped0", "warped1", "timestep", "mask"),
        teacher=BlockSpec.uniform(64, 1),
        # The order is not published; of all 120 this one makes the teacher's frame by far the best.
        teacher_inputs=("img0", "img1", "timestep", "warped0", "warped1", "mask", "gt"),
        refine=RefineSpec.uniform(16),
    ),
    "rife_v4.6": RIFESpec(
        variant="rife_v4.6",
        blocks=tuple(BlockSpec.residual(w, s) for w, s in ((192, 8), (128, 4), (96, 2), (64, 1))),
        first_inputs=("img0", "img1", "timestep"),
        inputs=("warped0", "warped1", "timestep", "mask"),
        features=1,  # of the authors' making, read by no one
    ),
    "rife_v4.22-lite": _later("4.22-lite", (192, 128, 64, 32), (8, 4, 2, 1)),
    "rife_v4.25": _later("4.25", (192, 128, 96, 64, 32), (16, 8, 4, 2, 1)),
    "rife_v4.25-lite": _later("4.25-lite", (192, 128, 96, 64, 24), (32, 16, 8, 4, 1)),
}
"""The specs of the official networks, by name."""


SAME_SHAPE = {"rife_v4.26": "rife_v4.25"}
"""Official networks that differ from another one in their weights only."""


def variant(name: str) -> RIFESpec:
    """The spec of an official network.

    Raises:
        ValueError: if there is none of that name.
    """
    known = SAME_SHAPE.get(name, name)
    if known not in VARIANTS:
        names = sorted((*VARIANTS, *SAME_SHAPE))
        raise ValueError(f"unknown RIFE variant {name!r}; known variants are {names}")
    return VARIANTS[known]
