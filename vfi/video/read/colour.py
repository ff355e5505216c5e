"""Pixels between the form videos store them in and the RGB the network sees.

Everything is done in float32 from the stored code values, whatever their depth, and rounded once
at the end: 10 bits stay 10 bits. Original and generated frames take the same way, so neither can be
told from the other by its colours.

Chroma is repeated on the way in and averaged over the same pixels on the way out. That is what
players' plain conversions (and so the networks' training data) do, and it is its own inverse: an
original frame comes out with exactly the values it went in with, whiter than white too.
"""

import re
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from av.video.format import VideoFormat
from torch import Tensor

_PLANAR = re.compile(r"(?:yuv(a)?j?(4[0-4][0-4])p|gbr(a)?p|(gray))(?:(\d+)le)?$")
_SUBSAMPLING = {"444": (0, 0), "440": (0, 1), "422": (1, 0), "420": (1, 1), "411": (2, 0)}
_SUBSAMPLING["410"] = (2, 2)
_LUMA_WEIGHTS = {  # Kr, Kb of ITU-T H.273 by matrix code
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
RGB, BT709, BT601, LIMITED, FULL, UNSPECIFIED = 0, 1, 6, 1, 2, 2


@dataclass(frozen=True)
class ColourTags:
    """What a stream says of its colours, as the codes of ITU-T H.273; kept as they are.

    Attributes:
        range: 0 not said, 1 limited, 2 full.
        matrix: 2 is "not said", as for the next two.
        primaries: of the RGB values.
        transfer: their curve.
    """

    range: int = 0
    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED


@dataclass(frozen=True)
class PixelSpec:
    """How planes of code values stand for colours.

    Attributes:
        kind: ``yuv`` (planes Y, Cb, Cr), ``rgb`` (planes G, B, R) or ``gray`` (Y alone).
        depth: bits of a code value, 8 to 16.
        shift: chroma is smaller by these powers of two, (horizontally, vertically).
        full_range: codes use their whole range rather than 16 to 235 of 255.
        weights: Kr and Kb, the luma weights of red and blue.
        alpha: a last plane tells how opaque each pixel is.
    """

    kind: str
    depth: int = 8
    shift: tuple[int, int] = (0, 0)
    full_range: bool = False
    weights: tuple[float, float] = _LUMA_WEIGHTS[BT709]
    alpha: bool = False

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name of the layout."""
        a = "a" if self.alpha else ""
        names = {shift: f"yuv{a}{name}p" for name, shift in _SUBSAMPLING.items()}
        base = {"rgb": f"gbr{a}p", "gray": "gray"}.get(self.kind) or names[self.shift]
        return base if self.depth == 8 else f"{base}{self.depth}le"

    def plane_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The (height, width) of each plane of a frame."""
        if self.kind == "gray":
            return [(height, width)]
        x, y = self.shift if self.kind == "yuv" else (0, 0)
        chroma = (-(-height >> y), -(-width >> x))
        return [(height, width), chroma, chroma, *([(height, width)] if self.alpha else [])]

    def even(self, left: int, top: int) -> tuple[int, int]:
        """The nearest corner, at or before this one, at which a sample of chroma begins."""
        x, y = self.shift
        return left >> x << x, top >> y << y

    def to_rgb(
        self, planes: list[np.ndarray], device: torch.device | str = "cpu", clamp: bool = True
    ) -> Tensor:
        """Code values to ``(3, H, W)`` float32 RGB, where [0, 1] is from black to white.

        What lies outside (above white, or no colour at all) is clamped unless told otherwise.
        """
        codes = [torch.from_numpy(_signed(plane)).to(device) for plane in planes]
        if self.depth > 8:  # read as int16: put the sign bit back
            codes = [code.to(torch.int32) & 0xFFFF for code in codes]
        peak = (1 << self.depth) - 1
        if self.kind == "rgb":
            green, blue, red = codes[:3]
            return torch.stack([red, green, blue]).float().div_(peak)
        low, luma_span, mid, chroma_span = self._levels()
        luma = codes[0].float().sub_(low).div_(luma_span)
        if self.kind == "gray":
            luma = luma.clamp_(0, 1) if clamp else luma
            return luma.expand(3, -1, -1).contiguous()
        rgb = self._coloured(luma, *(c.float().sub_(mid).div_(chroma_span) for c in codes[1:3]))
        return rgb.clamp_(0, 1) if clamp else rgb

    def _coloured(self, luma: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
        """``(3, H, W)`` of luma ``(H, W)`` from 0 to 1 and smaller chroma from -1/2 to 1/2."""
        kr, kb = self.weights
        red, blue = cr * (2 * (1 - kr)), cb * (2 * (1 - kb))
        green = (red * kr).add_(blue, alpha=kb).div_(kr + kb - 1)
        beside = _widened(torch.stack([red, green, blue]), self.shift[0])[..., : luma.shape[1]]
        rgb = luma.new_empty(3, *luma.shape)
        rows = 1 << self.shift[1]
        for k in range(rows):
            part = luma[k::rows]
            torch.add(part, beside[:, : len(part)], out=rgb[:, k::rows])
        return rgb

    def opacity(self, planes: list[np.ndarray], device: torch.device | str = "cpu") -> Tensor:
        """``(1, H, W)`` from 0, not there at all, to 1."""
        codes = torch.from_numpy(_signed(planes[-1])).to(device)
        if self.depth > 8:
            codes = codes.to(torch.int32) & 0xFFFF
        return codes.float().div_((1 << self.depth) - 1)[None]

    def from_rgb(self, rgb: Tensor) -> list[np.ndarray]:
        """``(3, H, W)`` RGB to code values, each rounded to the nearest that there is.

        With alpha as a fourth channel, which is left out where there is no plane for it.
        """
        planes = self._from_colours(rgb[:3])
        if self.alpha:
            opacity = rgb[3] if len(rgb) > 3 else torch.ones_like(rgb[0])
            planes.append(self._codes(opacity * ((1 << self.depth) - 1)))
        return planes

    def _from_colours(self, rgb: Tensor) -> list[np.ndarray]:
        red, green, blue = rgb.float().contiguous()  # planes, on which arithmetic is fast
        if self.kind == "rgb":
            peak = (1 << self.depth) - 1
            return [self._codes(plane * peak) for plane in (green, blue, red)]
        kr, kb = self.weights
        low, span, mid, chroma_span = self._levels()
        luma = (green * (span * (1 - kr - kb))).add_(red, alpha=span * kr)
        luma.add_(blue, alpha=span * kb)
        planes = []
        if self.kind == "yuv":
            for colour, weight in ((blue, kb), (red, kr)):
                chroma = _average(torch.add(colour, luma, alpha=-1 / span), self.shift)
                planes.append(self._codes(chroma * (chroma_span / (2 * (1 - weight))), mid))
        return [self._codes(luma, low), *planes]

    def _levels(self) -> tuple[float, float, float, float]:
        """Black, the span of luma, the middle of chroma and its span, in code values."""
        mid = 1 << (self.depth - 1)
        if self.full_range:
            peak = (1 << self.depth) - 1
            return 0, peak, mid, peak
        unit = 1 << (self.depth - 8)
        return 16 * unit, 219 * unit, mid, 224 * unit

    def _codes(self, plane: Tensor, zero: float = 0) -> np.ndarray:
        """Codes of steps above ``zero``, rounded to whole ones; the plane is changed."""
        plane = plane.add_(zero + 0.5).clamp_(0, (1 << self.depth) - 1)
        codes = plane.to(torch.int32)  # by way of which it is faster to 8 bits, too
        if self.depth == 8:
            return codes.to(torch.uint8).cpu().numpy()
        # Through int16, half the bytes of int32, as not every device has unsigned 16 bits.
        return codes.to(torch.int16).cpu().numpy().view(np.uint16)


def working_format(name: str, alpha: bool = False) -> str:
    """The planar format, of no less precision, that frames of pixel format ``name`` are read as.

    Args:
        name: FFmpeg's name.
        alpha: with a plane of alpha, if it has any.
    """
    found = _PLANAR.match(name)
    if found and (alpha or not (found[1] or found[3])):
        return name.replace("yuvj", "yuv")
    layout = VideoFormat(name, 16, 16)
    colours = [part for part in layout.components if not part.is_alpha]
    depth = max(part.bits for part in colours)
    depth = 8 if layout.has_palette else next(d for d in (8, 10, 12, 14, 16) if d >= min(depth, 16))
    suffix = "" if depth == 8 else f"{depth}le"
    transparent = layout.has_palette or any(part.is_alpha for part in layout.components)
    a = "a" if alpha and transparent else ""
    if layout.is_rgb or layout.has_palette or name.startswith("xyz") or a:
        return f"gbr{a}p{suffix}"
    if len(colours) == 1:
        return f"gray{suffix}"
    ratio = (16 // colours[1].width, 16 // colours[1].height)
    names = {(1 << x, 1 << y): key for key, (x, y) in _SUBSAMPLING.items()}
    return f"yuv{names[ratio]}p{suffix}"


def spec_of(pixel_format: str, tags: ColourTags, height: int) -> PixelSpec:
    """Reads a `working_format` and its tags.

    A matrix that is not said or not known is taken as players do, BT.709 from 720 lines up and
    BT.601 below; as the same one leads back, a wrong guess changes no pixel of the originals.
    Gray of which no range is said has the full one, as FFmpeg takes it.
    """
    found = _PLANAR.match(pixel_format)
    if found is None:
        raise ValueError(f"{pixel_format} is no planar format; take its working_format")
    yuv_alpha, subsampling, rgb_alpha, gray, depth = found.groups()
    return PixelSpec(
        kind="yuv" if subsampling else "gray" if gray else "rgb",
        depth=int(depth or 8),
        shift=_SUBSAMPLING[subsampling] if subsampling else (0, 0),
        full_range=tags.range == FULL or bool(gray and not tags.range),
        alpha=bool(yuv_alpha or rgb_alpha),
        weights=_LUMA_WEIGHTS.get(tags.matrix) or _LUMA_WEIGHTS[BT709 if height >= 720 else BT601],
    )


def _signed(plane: np.ndarray) -> np.ndarray:
    return plane if plane.dtype == np.uint8 else plane.view(np.int16)


def _widened(planes: Tensor, power: int) -> Tensor:
    """Each value as often in a row as that power of two tells."""
    for _ in range(power):  # as complex numbers: copied twice in one pass
        planes = torch.view_as_real(torch.complex(planes, planes)).flatten(-2)
    return planes


def _average(plane: Tensor, shift: tuple[int, int]) -> Tensor:
    if shift == (0, 0):
        return plane
    x, y = 1 << shift[0], 1 << shift[1]
    height, width = plane.shape
    if height % y or width % x:
        edges = (0, -width % x, 0, -height % y)
        plane = F.pad(plane[None, None], edges, mode="replicate")[0, 0]
    for _ in range(shift[1]):  # by halves, which is faster than pooling
        plane = plane[::2] + plane[1::2]
    for _ in range(shift[0]):
        plane = plane[:, ::2] + plane[:, 1::2]
    return plane / (x * y)
