"""Packages that only some need: an error that says which extra to install."""

import importlib
import importlib.util
from types import ModuleType

from vfi._about import DISTRIBUTION

EXTRAS = {"openvino": "openvino", "onnxruntime": "onnx", "onnx": "onnx", "onnxscript": "onnx"}
"""The extra that brings each package."""


def installed(package: str) -> bool:
    """Whether a package is there; it is not loaded."""
    return importlib.util.find_spec(package) is not None


def required(package: str) -> ModuleType:
    """The package, loaded.

    Raises:
        ValueError: if it is not installed, with the extra that brings it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        extra = f"{DISTRIBUTION}[{EXTRAS[package]}]"
        raise ValueError(
            f"{package} is not installed ({error}); install it with: pip install '{extra}'"
        ) from error
