"""What is measured of a network: quality, costs, latency, memory; nothing of Lightning."""

from vfi.measure.conditions import Conditions, Precision, check_positive
from vfi.measure.costs import Efficiency, efficiency, flops, parameters, weights_mib
from vfi.measure.latency import Latency, compare_latency
from vfi.measure.means import mean_scores, stride_of
from vfi.measure.memory import peak_memory_mib, peak_memory_of
from vfi.measure.protocol import SCORES, score, score_set
from vfi.measure.quality import (
    PERFECT_PSNR,
    interpolation_error,
    psnr,
    quantize,
    ssim_2d,
    ssim_matlab,
)

__all__ = [
    "PERFECT_PSNR",
    "SCORES",
    "Conditions",
    "Efficiency",
    "Latency",
    "Precision",
    "check_positive",
    "compare_latency",
    "efficiency",
    "flops",
    "interpolation_error",
    "mean_scores",
    "parameters",
    "peak_memory_mib",
    "peak_memory_of",
    "psnr",
    "quantize",
    "score",
    "score_set",
    "ssim_2d",
    "ssim_matlab",
    "stride_of",
    "weights_mib",
]
