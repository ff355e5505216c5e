"""Jobs work on the small sets and clips of the rooms below."""

from tests.data.conftest import clips, ucf101
from tests.helpers.clips import blend, halving, make_clip, probe

__all__ = ["blend", "clips", "halving", "make_clip", "probe", "ucf101"]
