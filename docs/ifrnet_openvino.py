"""IFRNet-S of ifrnet.py in OpenVINO, float32, for frames of 640x480."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import openvino
import torch
from torch import Tensor

SIZE = 480, 640


def load(device: torch.device) -> Callable[[Tensor, Tensor, float], Tensor]:
    """For `vfi benchmark`, which knows such files."""
    place = importlib.util.spec_from_file_location("ifrnet", Path(__file__).with_name("ifrnet.py"))
    ifrnet = importlib.util.module_from_spec(place)
    place.loader.exec_module(ifrnet)
    torch.manual_seed(0)
    network = ifrnet.IFRNetSmall().requires_grad_(False).eval()
    model = openvino.convert_model(network, example_input=tuple(torch.rand(2, 1, 3, *SIZE)))
    for port in model.inputs:
        port.get_node().set_partial_shape(openvino.PartialShape([1, 3, *SIZE]))
    threads = torch.get_num_threads()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    program = openvino.Core().compile_model(model, "CPU", settings)

    def between(img0: Tensor, img1: Tensor, _: float) -> Tensor:
        frames = [frame.contiguous().numpy() for frame in (img0, img1)]
        return torch.from_numpy(program(frames)[0])

    return between
