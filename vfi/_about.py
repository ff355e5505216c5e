"""What the package is called and which release it is."""

__version__ = "0.2.0"

DISTRIBUTION = "vfi-rife"
"""What it is installed by; PyPI's ``vfi`` is another project."""
