"""The official members of the RIFE family.

Sources: the authors' ``model/IFNet.py`` and ``model/IFNet_m.py`` (ECCV2022-RIFE) and version 4.0 of
``IFNet_HDv3.py`` (Practical-RIFE).
"""

from vfi.models.spec import BlockSpec, RefineSpec, RIFESpec


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
}
"""The specs of the official networks, by name."""


def variant(name: str) -> RIFESpec:
    """The spec of an official network.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in VARIANTS:
        raise ValueError(f"unknown RIFE variant {name!r}; known variants are {sorted(VARIANTS)}")
    return VARIANTS[name]
