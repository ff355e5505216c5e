"""How encoders are told of an HDR video's light, each in its own words."""

from fractions import Fraction

from vfi.video.read.light import Light

TOLD = ("h264", "h265", "av1")
"""Codecs whose streams tell it."""


def light_options(key: str, parameters: str | None, light: Light) -> dict[str, str]:
    """Options by which an encoder tells of light; none if it cannot.

    Args:
        key: the codec.
        parameters: the option that holds its own parameters.
        light: of the input.
    """
    levels = ",".join(map(str, light.levels or ()))
    words = {
        "h264": ("mastering-display", display(light, 50_000, 10_000), "cll"),
        "h265": ("master-display", display(light, 50_000, 10_000), "max-cll"),
        "av1": ("mastering-display", display(light), "content-light"),
    }
    if key not in words:
        return {}
    name, shown, level = words[key]
    said = [f"{name}={shown}"] * bool(shown) + [f"{level}={levels}"] * bool(levels)
    return {parameters or "svtav1-params": ":".join(said)}


def display(light: Light, places: int | None = None, steps: int | None = None) -> str:
    """The display, empty if it is not wholly known.

    Args:
        light: what is known.
        places: parts of 1 in which colours are counted; as decimal fractions if None.
        steps: likewise parts of a candela per square metre.
    """
    if not light.colours or light.darkest is None or light.brightest is None:
        return ""
    red, green, blue, white = (
        f"({_said(x, places)},{_said(y, places)})"
        for x, y in zip(light.colours[::2], light.colours[1::2], strict=True)
    )
    span = f"({_said(light.brightest, steps)},{_said(light.darkest, steps)})"
    return f"G{green}B{blue}R{red}WP{white}L{span}"


def _said(value: Fraction, parts: int | None) -> str:
    return f"{float(value):.5f}" if parts is None else str(round(value * parts))
