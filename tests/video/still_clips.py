"""What ``--still`` changes on the held-out clips: dB of new frames with it, less those without.

``python -m tests.video.still_clips --output docs/results/video/still.json`` drops the middle of
three frames, 1, 2 and 4 apart, at a few places of each clip of the validation split.
"""

import argparse
import json
import os
import sys
from fractions import Fraction
from pathlib import Path

from tests.helpers.paths import ROOT
from vfi.runtime.resolve import resolve_model
from vfi.video.make.predict import Predictor, Request
from vfi.video.make.still import StillPair
from vfi.video.read.open import open_source
from vfi.video.triples import score

SPLIT = ROOT / "configs" / "splits" / "train_clips_val.txt"
PLACES = (0, 12, 24, 40)
STRIDES = (1, 2, 4)


def gains(path: Path, predictor: Predictor) -> dict[str, float]:
    """Mean gain in dB by stride."""
    last = PLACES[-1] + 2 * STRIDES[-1]
    pictures = zip(range(last + 1), open_source(path).pictures(), strict=False)
    frames = [picture.rgb() for _, picture in pictures]
    found = {}
    for stride in STRIDES:
        changes = []
        for place in PLACES:
            if place + 2 * stride < len(frames):
                first, truth, second = frames[place : place + 2 * stride + 1 : stride]
                made = predictor([Request(first, second, Fraction(1, 2))])[0]
                held = StillPair(first, second).hold(made)
                changes.append(score(held, truth)["psnr"] - score(made, truth)["psnr"])
        found[f"stride {stride}"] = round(sum(changes) / len(changes), 4)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="rife-nano")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    network, _ = resolve_model(args.model, "cpu", "torch", "float32")
    folder, found = Path(os.environ["VFI_DATA"]) / "train_clips", {}
    lines = SPLIT.read_text(encoding="utf-8").splitlines()
    names = [line.partition("#")[0].strip() for line in lines]
    for name in filter(None, names):
        found[name] = gains(folder / name, Predictor(network))
        sys.stdout.write(f"{name}: {found[name]}\n")
        sys.stdout.flush()
    strides = [f"stride {stride}" for stride in STRIDES]
    mean = {s: round(sum(f[s] for f in found.values()) / len(found), 4) for s in strides}
    text = json.dumps({"model": args.model, "mean": mean, "clips": found}, indent=1) + "\n"
    if args.output:
        args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
