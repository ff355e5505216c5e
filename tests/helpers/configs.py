"""Shipped configurations as whole dictionaries, to be changed by tests."""

from typing import Any

import yaml

from vfi.shipped import with_bases


def whole(name: str) -> dict[str, Any]:
    """A configuration of the package together with those that it is based on."""
    merged: dict[str, Any] = {}
    for path in with_bases(["-c", name])[1::2]:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            merged = _laid_over(merged, yaml.safe_load(file))
    merged.pop("base", None)
    return merged


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        name = key.removesuffix("+")
        if name != key:
            merged[name] = [*merged.get(name, []), *value]
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _laid_over(merged[name], value)
        else:
            merged[name] = value
    return merged
