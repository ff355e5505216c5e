"""Tests; before anything of the project is imported, coverage is told to keep its probes."""

import sys

# slipcover takes probes away by reading every frame's locals, which puts names into what a caller
# of locals() holds: OpenVINO's conversion then refuses them. Its processes do not read `threshold`.
_plugin = sys.modules.get("slipcover.pytest_plugin")
if (_coverage := getattr(_plugin, "_slipcover_instance", None)) is not None:
    _coverage.d_miss_threshold = 2_000_000_000
