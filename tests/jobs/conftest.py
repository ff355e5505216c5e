"""Jobs work on the small sets and clips of the rooms below, and on one small network."""

import pytest

from tests.data.conftest import clips, ucf101
from tests.helpers.clips import blend, halving, make_clip, probe
from tests.helpers.small_networks import fill, shallow_spec
from vfi.checkpoints import save_network
from vfi.models import RIFE

__all__ = ["blend", "clips", "halving", "make_clip", "probe", "ucf101"]


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a small network, not to be changed."""
    path = tmp_path_factory.mktemp("networks") / "small.safetensors"
    save_network(fill(RIFE(shallow_spec())), path)
    return str(path)
