"""The network rearranged for runtimes that compile it: see `LeanRIFE`."""

from vfi.runtime.lean.network import LeanRIFE

__all__ = ["LeanRIFE"]
