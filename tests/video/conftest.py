"""Clips, models and probes for the tests of videos."""

from tests.helpers.clips import blend, halving, make_clip, probe

__all__ = ["blend", "halving", "make_clip", "probe"]
