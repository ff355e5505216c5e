"""Feeds random wrong values to options and damages files at random; everything must end in a line.

    python -m tests.fuzz --cases 1000 --seed 0 --output runs/results/trust/fuzz.json

A case passes if the input is taken, or refused by an error of the user's kind whose text is one
line. Anything else (another exception, a text of several lines) is written down, and so is what may
not be taken: a number that is none, weights or pixels that are not those that were written.
"""

import argparse
import dataclasses
import json
import logging
import math
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.helpers.small_media import textured, write_png
from tests.helpers.small_networks import fill, small_spec
from vfi.checkpoints import load_network, save_network
from vfi.cli import one_line
from vfi.data import Augment, StreamSpec, TrainData, TripletFilter, ValData
from vfi.data.clips import choose_clips
from vfi.data.images import png_size, read_rgb
from vfi.models import RIFE, RIFESpec
from vfi.pruning import PruningPlan
from vfi.reporting import cards
from vfi.reporting.runs import read_run
from vfi.training.checkpoint_io import SafeCheckpointIO
from vfi.training.objective import Objective
from vfi.training.schedule import OptimizerSpec
from vfi.training.settings import _LEAST, check

logger = logging.getLogger(__name__)
Case = tuple[str, Callable[[], object]]
NUMBERS = (0, -1, 1, 2, 10**6, 10**23, -(10**9), 0.5, -0.5, float("nan"), float("inf"), 1e-30)
SPECS: tuple[Any, ...] = (
    TrainData, ValData, StreamSpec, Augment, TripletFilter, Objective, OptimizerSpec
)  # fmt: skip


def option(draw: random.Random) -> Case:
    """A number of a setting that is anything; its type is what the parser lets through."""
    spec = draw.choice(SPECS)
    fields = [f for f in dataclasses.fields(spec) if f.type in (int, float, int | None)]
    field = draw.choice(fields) if fields else dataclasses.fields(spec)[0]
    whole = field.type is not float
    value = draw.choice([n for n in NUMBERS if isinstance(n, int) or not whole])

    def act() -> None:
        spec(**{field.name: value})
        _expect(not math.isnan(value))

    return f"{spec.__name__}.{field.name}={value}", act


def trainer(draw: random.Random) -> Case:
    """An option of Lightning's trainer."""
    names = [*_LEAST, "val_check_interval", "devices", "precision", "accelerator", "strategy"]
    name, value = draw.choice(names), draw.choice([*NUMBERS, "text", "", None, "deepspeed"])
    command = draw.choice(["fit", "test", "predict", "validate"])
    return f"{command} {name}={value!r}", lambda: check(command, {"trainer": {name: value}})


def record(draw: random.Random, folder: Path) -> Case:
    """A record with a part replaced, or cut."""
    spec = small_spec("rife_v4.0").to_dict()
    data: Any = {"spec": spec, "keep": {"block0.trunk": [0]}, "protected": {}}
    text = json.dumps(data)
    kind = draw.choice(["cut", "letter", "value"])
    if kind == "cut":
        text = text[: draw.randrange(len(text))]
    elif kind == "letter":
        place = draw.randrange(len(text))
        text = text[:place] + draw.choice('{}[]",:0ax-') + text[place + 1 :]
    else:
        part = draw.choice(list(spec))
        data["spec"][part] = draw.choice([None, True, 1, -1, 0.5, "x", [], {}, [1], [[1]]])
        text = json.dumps(data)
    path = folder / "models.json"
    path.write_text(text, encoding="utf-8")
    readers: list[Callable[[], object]] = [
        lambda: PruningPlan.from_json(text), lambda: cards.read(folder), lambda: read_run(path)
    ]  # fmt: skip
    reader = draw.randrange(len(readers))
    return f"record {kind} {reader}: {text[:60]!r}", readers[reader]


def damaged(draw: random.Random, folder: Path, whole: dict[str, bytes]) -> Case:
    """A file of weights, a checkpoint, an image or a list with bytes changed, cut or added."""
    name = draw.choice(list(whole))
    content = bytearray(whole[name])
    kind = draw.choice(["bit", "cut", "noise", "zeros", "head"])
    place = draw.randrange(len(content))
    if kind == "bit":
        content[place] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del content[place:]
    elif kind == "noise":
        content[place : place + 64] = draw.randbytes(64)
    elif kind == "zeros":
        content[place : place + 64] = bytes(64)
    else:
        content[: min(place, 300)] = draw.randbytes(min(place, 300))
    path = folder / f"damaged{Path(name).suffix}"
    path.write_bytes(content)
    weights = load_network(folder / "a.safetensors").state_dict()
    pixels = textured(0)
    readers: dict[str, Callable[[], object]] = {
        ".ckpt": lambda: _expect_equal(_from_checkpoint(path), weights),
        ".safetensors": lambda: _expect_equal(load_network(path).state_dict(), weights),
        ".png": lambda: (png_size(path), _expect(np.array_equal(read_rgb(path), pixels))),
        ".txt": lambda: choose_clips(folder / "clips", path),
    }
    return f"{name} {kind} at {place}", readers[path.suffix]


def _expect(true: bool) -> None:
    if not true:
        raise RuntimeError("it was taken")


def _expect_equal(state: dict[str, torch.Tensor], written: dict[str, torch.Tensor]) -> None:
    _expect(state.keys() == written.keys())
    _expect(all(torch.equal(state[name], tensor) for name, tensor in written.items()))


def _from_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    state = SafeCheckpointIO().load_checkpoint(path)["state_dict"]
    return {name.removeprefix("network."): tensor for name, tensor in state.items()}


def files(folder: Path) -> dict[str, bytes]:
    """Whole files of every kind."""
    network = fill(RIFE(small_spec("rife_v4.0")))
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    save_network(network, folder / "a.safetensors")
    content = {"state_dict": state, "rife_spec": RIFESpec.to_dict(network.spec)}
    SafeCheckpointIO().save_checkpoint(content, folder / "a.ckpt")
    for number in range(3):
        write_png(folder / "clips" / "one" / f"{number}.png", textured(number))
    (folder / "a.txt").write_text("one\n# a comment\n", encoding="utf-8")
    names = ("a.safetensors", "a.ckpt", "clips/one/0.png", "a.txt")
    return {name: (folder / name).read_bytes() for name in names}


def run(cases: int, seed: int) -> dict[str, object]:
    """All cases; gives how they ended."""
    draw, ended = random.Random(seed), Counter[str]()
    wrong: list[str] = []
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        whole = files(folder)
        makers: list[Callable[[], Case]] = [
            lambda: option(draw), lambda: trainer(draw),
            lambda: record(draw, folder), lambda: damaged(draw, folder, whole),
        ]  # fmt: skip
        for number in range(cases):
            name, act = makers[number % len(makers)]()
            try:
                act()
                ended["taken"] += 1
            except (ValueError, OSError) as error:
                text = one_line(error)
                ended["one line"] += 1
                if "\n" in text or not text:
                    wrong.append(f"{name}: {text!r}")
            except Exception as error:
                wrong.append(f"{name}: {type(error).__name__}: {error}")
    return {"seed": seed, "cases": cases, "ended": dict(ended), "wrong": wrong}


def command_line() -> None:
    """Runs the cases and writes how they ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    text = json.dumps(run(options.cases, options.seed), indent=2)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    logger.info("%s", text)


if __name__ == "__main__":
    command_line()
