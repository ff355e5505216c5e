"""A policy for small networks, that needs no batches."""

from vfi.pruning import L1, ArchitectureAware


def aware(level: float) -> ArchitectureAware:
    """The same share of every layer, by the norms of its weights."""
    return ArchitectureAware(level, L1(), scope="layer", min_channels=1, multiple=1)
