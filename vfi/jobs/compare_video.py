"""Pictures for the eye: the original beside what models make of it."""

import heapq
import itertools
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from vfi.files import atomic_path
from vfi.jobs.compare_page import write_page
from vfi.jobs.said import command_line
from vfi.measure.quality import quantize
from vfi.models.device import check_threads, limited_threads
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.resolve import DEFAULT_MODEL
from vfi.video.read.colour import PixelSpec
from vfi.video.read.images import IMAGE_SUFFIXES
from vfi.video.read.open import open_source
from vfi.video.read.rates import parse_optional
from vfi.video.read.source import Source, SourceInfo
from vfi.video.settings import Settings
from vfi.video.timing.cuts import DEFAULT_CUT_THRESHOLD, Analyser, thumbnail
from vfi.video.timing.timeline import EvenParts, Timing
from vfi.video.triples import Contender, Triple, score, triples
from vfi.video.write.choose import check_output, make_sink
from vfi.video.write.images import write_image
from vfi.video.write.options import WriteOptions
from vfi.video.write.turn import as_shown

logger = logging.getLogger(__name__)

_BAR = 28
_GAP = 4
_ORIGINAL = "original"
_USUAL_RATE = 25
_PAGE = ".html"


def compare_video(
    input: str,
    output: str,
    models: Sequence[str] = (DEFAULT_MODEL,),
    device: str = "auto",
    input_fps: str | float | None = None,
    frames: int = 3,
    start: float = 0.0,
    seconds: float = 4.0,
    tile_width: int = 480,
    cut_threshold: float | None = DEFAULT_CUT_THRESHOLD,
    flow_scale: float | None = None,
    threads: int | None = None,
    runtime: Runtime = "torch",
    precision: Precision = "auto",
    json: bool = False,
) -> None:
    """Shows what models make of your own video, beside the original: a page, a picture, a video.

    Every second frame is dropped and made anew by each model. A page (.html) has players with a
    divider between any two models or the original, maps of errors, motion, charts and figures, in
    one file below 25 MB that any browser opens. A picture (.png, .jpg) shows the frames with the
    most motion, a row each, with their PSNR. An animation (.gif, .mp4, ...) plays side by side,
    dropped frames replaced, at half speed.

    Args:
        input: a video or a folder of images.
        output: the page, the picture or the animation to write.
        models: names or files of weights, e.g. a dense and a pruned one; rife-fast@openvino/int8
            runs in that way, ``auto`` in the one that ``vfi select`` chose.
        device: auto, cpu, cuda, cuda:1, ...
        input_fps: images per second of a folder.
        frames: rows of a picture.
        start: seconds of the video to leave out first.
        seconds: of the video to show in a page or an animation.
        tile_width: width of one frame in the comparison, in pixels.
        cut_threshold: see ``interpolate``.
        flow_scale: see ``interpolate``.
        threads: of the networks; all cores if not given.
        runtime: of the models that do not name one: torch, openvino, onnxruntime or auto.
        precision: likewise: auto, float32, bfloat16, float16 or int8.
        json: also write the figures of a page, under its name with .json.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if it holds no three frames of one scene, or cannot be read or written.
    """
    command, started = command_line("compare", compare_video, locals()), time.perf_counter()
    if not models:
        raise ValueError("models is empty; name one or more")
    ranges = ("frames", frames, 1, 1000), ("tile_width", tile_width, 32, 8192)
    for name, value, low, high in ranges:
        if not low <= value <= high:
            raise ValueError(f"{name} is {value}; it must be from {low} to {high}")
    check_threads(threads)
    Settings(flow_scale=flow_scale, cut_threshold=cut_threshold)  # says what is wrong with them
    source, path = open_source(input, fps=parse_optional(input_fps, "input_fps")), Path(output)
    suffix = path.suffix.lower()
    if json and suffix != _PAGE:
        raise ValueError(f"--json goes with a page, and {path} is none; give an output in {_PAGE}")
    check_output(path, source.info)
    count = _count(source.info, start, seconds)
    with limited_threads(threads):
        how = runtime, precision, threads
        contenders = [Contender(model, device, flow_scale, 0, *how) for model in models]
        analyser = Analyser(cut_threshold)
        part = triples(source, analyser, start, None if suffix in IMAGE_SUFFIXES else seconds)
        if suffix in IMAGE_SUFFIXES:
            _write_strip(source, path, contenders, part, frames, tile_width)
        elif suffix == _PAGE:
            write_page(source, path, contenders, part, count, command, json, started)
        else:
            _write_animation(source, path, contenders, part, tile_width)
    logger.info("%s: %s beside %s", path, _ORIGINAL, ", ".join(c.name for c in contenders))


def _count(info: SourceInfo, start: float, seconds: float) -> int:
    """How many triples there may be in a part of a video, in seconds from its first frame.

    Raises:
        ValueError: if there is no such part.
    """
    if start < 0 or seconds <= 0:
        raise ValueError(f"start is {start:g} and seconds {seconds:g}; give 0 or more, and above 0")
    if info.duration and start >= info.duration:
        raise ValueError(
            f"start is {start:g}, but {info.path} ends after {float(info.duration):.2f} seconds"
        )
    rate = info.rate or (info.expected or 0) / (info.duration or 1) or _USUAL_RATE
    frames = math.ceil(seconds * rate)
    return max(1, min(frames, info.expected or frames) // 2)


def _write_strip(
    source: Source,
    path: Path,
    contenders: list[Contender],
    part: Iterable[Triple],
    count: int,
    tile: int,
) -> None:
    with atomic_path(path) as file:  # proves that it can be written before anything is computed
        known = (triple for triple in part if not triple.cut)
        scored = ((_motion(triple), triple.truth.index, triple) for triple in known)
        chosen = sorted(heapq.nlargest(count, scored), key=lambda item: item[1])
        if not chosen:
            raise ValueError(f"{source.info.path} holds no three frames in a row of one scene")
        matrix = source.info.display_matrix
        rows = [_row(_middle_tiles(triple, contenders, matrix), tile) for *_, triple in chosen]
        _write_rgb(file, np.concatenate(rows))


def _write_animation(
    source: Source,
    path: Path,
    contenders: list[Contender],
    part: Iterable[Triple],
    tile: int,
) -> None:
    rows = _animated_rows(part, contenders, source.info.display_matrix, tile)
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{source.info.path} holds no three frames in a row")
    height, width = first.shape[:2]
    rate = (source.info.rate or Fraction(_USUAL_RATE)) / 2
    spec = PixelSpec("rgb", full_range=True)
    info = SourceInfo(source.info.path, width, height, spec, rate=rate, files=source.info.files)
    timing = Timing(EvenParts(1), Fraction(1), rate, 1 / rate)
    sink = make_sink(path, info, WriteOptions(), timing, {"comparison": str(source.info.path)})
    try:
        for number, row in enumerate(itertools.chain([first], rows)):
            rgb = torch.from_numpy(row).permute(2, 0, 1).float() / 255
            sink.write(sink.planes(rgb), number / rate)
        sink.finish(None)
    except BaseException:
        sink.abort()
        sink.discard()
        raise
    finally:
        sink.close()


def _animated_rows(
    part: Iterable[Triple],
    contenders: list[Contender],
    matrix: tuple[int, ...] | None,
    tile: int,
) -> Iterator[np.ndarray]:
    """The frames of the animation: kept ones as they are in every column, then those made anew."""
    names = [_ORIGINAL, *(contender.name for contender in contenders)]
    for triple in part:
        kept = as_shown(triple.before.rgb(), matrix)
        yield _row([(name, kept) for name in names], tile)
        yield _row(_middle_tiles(triple, contenders, matrix), tile)


def _middle_tiles(
    triple: Triple, contenders: list[Contender], matrix: tuple[int, ...] | None
) -> list[tuple[str, np.ndarray]]:
    """The dropped frame and what each model makes of it, with labels; beside a cut, the frame
    before it, as the interpolation would show.
    """
    truth = quantize(triple.truth.rgb())
    tiles = [(_ORIGINAL, as_shown(truth, matrix))]
    for contender in contenders:
        made = triple.before.rgb() if triple.cut else contender.make(triple)
        label = f"{contender.name}  {score(made, truth)['psnr']:.2f} dB"
        tiles.append((label, as_shown(made, matrix)))
    return tiles


def _motion(triple: Triple) -> float:
    return float(np.abs(thumbnail(triple.before) - thumbnail(triple.after)).mean())


def _row(tiles: list[tuple[str, np.ndarray]], width: int) -> np.ndarray:
    """Tiles side by side, each under its label; an even number of pixels each way."""
    columns = []
    for label, image in tiles:
        height = max(2, round(image.shape[0] * width / image.shape[1]))
        method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
        image = cv2.resize(image, (width, height), interpolation=method)
        bar = np.zeros((_BAR, width, 3), np.uint8)
        white = (255, 255, 255)
        cv2.putText(bar, label, (6, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, white, 1, cv2.LINE_AA)
        columns.append(np.concatenate([bar, image]))
        columns.append(np.zeros((_BAR + height, _GAP, 3), np.uint8))
    row = np.concatenate(columns[:-1], axis=1)
    return np.pad(row, ((0, row.shape[0] % 2), (0, row.shape[1] % 2), (0, 0)))


def _write_rgb(path: Path, image: np.ndarray) -> None:
    write_image(path, [image[..., channel] for channel in (1, 2, 0)])
