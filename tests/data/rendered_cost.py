"""How long a rendered triplet takes one core, from reading the photograph to the tensors.

``python -m tests.data.rendered_cost <folder of photographs> --output cost.json`` draws triplets one
after the other and tells milliseconds of processor time for each, so that what else runs counts
little.
"""

import argparse
import statistics
import time
from pathlib import Path

import cv2
import torch

from tests.helpers.measured import tell
from vfi import reporting
from vfi.data.augment import Augment
from vfi.data.rendered import RenderedTriplets

FIRST, COUNT = 50, 300  # those before fill the window of decoded photographs


def cost(photos: str, crop: int) -> dict[str, float]:
    """Milliseconds of one core a triplet of ``crop`` pixels: mean, median and 95th percentile."""
    triplets = RenderedTriplets(
        photos, crop, augment=Augment(crop=crop, jitter=0.1), count=FIRST + COUNT
    )
    spent = []
    for index in range(FIRST + COUNT):
        start = time.process_time()
        triplets[index]
        spent.append((time.process_time() - start) * 1e3)
    spent = spent[FIRST:]
    return {
        "mean_ms": round(statistics.fmean(spent), 1),
        "median_ms": round(statistics.median(spent), 1),
        "p95_ms": round(statistics.quantiles(spent, n=20)[-1], 1),
    }


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    found = {f"{crop} px": cost(options.photos, crop) for crop in (192, 224)}
    tell({**found, "triplets": COUNT, "environment": reporting.environment()}, options.output)


if __name__ == "__main__":
    main()
