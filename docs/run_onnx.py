"""The frame in the middle of two: python run_onnx.py rife-fast.onnx first.npy second.npy out.npy

Arrays of uint8 (height, width, 3), RGB; onnxruntime and numpy are all it needs.
"""

import sys

import numpy as np
import onnxruntime

model, first, second, output = sys.argv[1:]
frames = np.stack([np.load(first), np.load(second)]).transpose(0, 3, 1, 2)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
inputs = {"frames": np.float32(frames) / 255, "timestep": np.float32([0.5])}
(frame,) = session.run(None, inputs)
np.save(output, np.uint8(np.round(frame[0].clip(0, 1) * 255)).transpose(1, 2, 0))
