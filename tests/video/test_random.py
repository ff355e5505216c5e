"""Whatever a small video is like, its times, shape and sound come out right."""

import pytest

from tests.video.random_videos import broken, draw


@pytest.mark.parametrize("seed", range(60))
def test_any_video(seed, tmp_path):
    assert broken(draw(seed), tmp_path) == []
