"""What is timed beside RIFE is the network that its authors describe."""

import importlib.util
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).parents[1]


def test_ifrnet_small_has_the_published_size():
    place = importlib.util.spec_from_file_location("ifrnet", ROOT / "docs/ifrnet.py")
    ifrnet = importlib.util.module_from_spec(place)
    place.loader.exec_module(ifrnet)
    network = ifrnet.IFRNetSmall().eval()
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 2.8  # table 1 there
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        frame = network(*torch.rand(2, 1, 3, 480, 640))
    assert frame.shape == (1, 3, 480, 640)
    assert round(counter.get_total_flops() / 1e9, 1) == 67.5
