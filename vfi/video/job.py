"""Interpolates a whole input: the job behind the command and `vfi.interpolate_video`."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import torch
from torch import nn

from vfi._about import __version__
from vfi.checkpoints.formats import weights_digest
from vfi.files import atomic_path
from vfi.models.device import device_of
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.resolve import DEFAULT_MODEL, resolve_model
from vfi.video.make.engine import Engine
from vfi.video.make.memory import keep_freed_memory
from vfi.video.make.predict import Predictor, Request
from vfi.video.predicting import predictor_of
from vfi.video.read.describe import describe
from vfi.video.read.open import open_source
from vfi.video.read.source import Source, SourceInfo
from vfi.video.settings import Settings
from vfi.video.summary import Report, Summary, progress_bar
from vfi.video.timing.cuts import Analyser
from vfi.video.timing.film import FilmSource
from vfi.video.timing.steps import Tally, plan
from vfi.video.timing.timeline import Timing, expected_frames, plan_timing
from vfi.video.write.choose import Target, Writing, check_output, plan_writing, target, varies
from vfi.video.write.images import write_image
from vfi.video.write.pipe import PlayerClosed
from vfi.video.write.sinks import Sink
from vfi.video.write.streams import Streams
from vfi.video.write.workspace import file_identity

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """All that is decided before a model is needed.

    Attributes:
        source: the input.
        output: the file or folder to make.
        options: what was asked for.
        writing: how frames at their times become the output; None for the image in the middle.
    """

    source: Source
    output: Path
    options: Settings
    writing: Writing | None


def interpolate_video(
    input: str | Path,
    output: str | Path,
    model: str | nn.Module = DEFAULT_MODEL,
    device: str = "auto",
    progress: bool | Report = False,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    **settings: Any,
) -> Summary:
    """Interpolates a video, a folder of images or two images.

    The output appears under its name when it is whole. Until then finished work is kept in
    ``<output>.parts``, from which ``resume`` goes on.

    Args:
        input: a video file, a folder of images, an image (with ``second``), or ``-``, a Y4M pipe.
        output: the video file to write (mp4, m4v, mov, mkv, webm, avi), a ``.gif`` or ``.apng``,
            or, without a suffix, a new folder of PNG files. Two images also make one: the middle.
            ``-`` is a pipe.
        model: what `vfi.load_model` takes, or a model, which is used where it is.
        device: where a model given by name runs: auto, cpu, cuda, cuda:1, ...
        progress: show a progress bar on the terminal's error stream; or a function that is told
            after each frame how many are done, and of how many. What it raises ends the job.
        runtime: of a model given by name: torch, openvino, onnxruntime or auto, the fastest that
            is installed and agrees with torch here; see `vfi.load_model`.
        precision: auto, float32, bfloat16 or int8; see `vfi.load_model`.
        **settings: see `Settings`.

    Returns:
        What was done. It is also written beside the output, as ``<output>.json``.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if something asked for cannot be done.
    """
    options = Settings(**settings)
    job = prepare(input, output, options)
    network, name = resolve_model(model, device, runtime, precision, options.threads)
    return run(job, network, name, progress)


def prepare(input: str | Path, output: str | Path, options: Settings) -> Plan:
    """Opens the input and decides how the output is made; proves that it can be.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if something asked for cannot be done.
    """
    output = Path(output)
    source = open_source(input, options.second, options.image_rate, options.window)
    if options.inverse_telecine:
        source = FilmSource(source)
    if target(output) is Target.IMAGE:
        check_output(output, source.info)
        _check_middle(source.info, output, options)
        return Plan(source, output, options, None)
    timing = _timing(source.info, options, output)
    writing = plan_writing(output, source.info, options.writing, timing)
    if timing.rate and source.info.rate is None and options.fps is None:
        line = f"the frame rate varies and becomes {float(timing.rate):g} a second"
        writing.streams.changed.append(line)
        logger.warning("%s", line)
    return Plan(source, output, options, writing)


def run(job: Plan, network: nn.Module, name: str = "", progress: bool | Report = False) -> Summary:
    """Carries out what was prepared, once.

    Args:
        job: see `prepare`.
        network: the model, used where it is.
        name: what to call it in reports; its class if empty.
        progress: see `interpolate_video`.

    Raises:
        ValueError: if the model cannot make these frames, or the output cannot be written.
    """
    name, options = name or type(network).__name__, job.options
    with predictor_of(network, options, job.source.info) as predictor:
        if job.writing is None:
            summary = _middle_image(job, predictor, device_of(network), name)
        else:
            job.writing.timing.check_model(predictor.any_timestep)
            record = _record(job.source.info, options, network, name)
            sink = job.writing.sink(record)
            device = device_of(network)
            summary = _all_frames(job, job.writing, sink, predictor, device, name, progress)
    summary.write()
    return summary


def _all_frames(
    job: Plan,
    writing: Writing,
    sink: Sink,
    predictor: Predictor,
    device: torch.device,
    name: str,
    progress: bool | Report,
) -> Summary:
    keep_freed_memory()
    start, resumed = time.perf_counter(), sink.done
    source, options, tally, timing = job.source, job.options, Tally(), writing.timing
    known = _report_problems(source, 0)
    analyser = Analyser(options.cut_threshold, options.static_threshold)
    steps = plan(source, timing, analyser, tally, options.duplicates == "drop")
    total = expected_frames(source.info, timing)
    with progress_bar(total, progress) as advance, _finished_work_kept(sink):
        engine = Engine(predictor, sink, device, advance)
        engine.run(steps)
        sink.finish(source.end)
    source.note_changes()
    _report_problems(source, known)
    seconds = time.perf_counter() - start
    fresh = engine.written - resumed
    done = float(source.info.duration) * fresh / max(engine.written, 1)
    return Summary(
        **_ends(job, name, device),
        frames_in=tally.frames,
        frames_out=engine.written,
        resumed=resumed,
        generated=engine.generated,
        output_fps=str(timing.rate) if timing.rate else None,
        seconds=round(seconds, 3),
        fps=round(fresh / seconds, 3),
        real_time_factor=round(done / seconds, 4),
        static_pairs=tally.static_pairs,
        duplicates=tally.duplicates,
        cuts=tally.cuts,
        held=tally.held,
        repeats=tally.repeats,
        dropped=engine.dropped,
        problems=source.problems,
    )


def _ends(job: Plan, model: str, device: torch.device) -> dict[str, Any]:
    """What a summary says of the input, the output and what was asked for."""
    info, writing = job.source.info, job.writing
    streams = writing.streams if writing else Streams()
    return {
        "input": str(info.path),
        "output": str(job.output),
        "model": model,
        "device": str(device),
        "part": None if info.window.is_whole else str(info.window),
        "width": info.width,
        "height": info.height,
        "source": describe(info.path) if info.is_video else None,
        "result": describe(job.output) if writing and writing.assembly else None,
        "kept": streams.kept,
        "changed": streams.changed,
        "lost": streams.lost,
        "settings": {key: str(value) for key, value in vars(job.options).items()},
    }


def _report_problems(source: Source, known: int) -> int:
    for problem in source.problems[known:]:
        logger.warning("%s: %s", source.info.path, problem)
    return len(source.problems)


def _timing(info: SourceInfo, options: Settings, output: Path) -> Timing:
    return plan_timing(
        options.multiplier,
        options.output_rate,
        options.slowness,
        rate=info.rate,
        start=info.start,
        tick=info.tick,
        fills_gaps=options.duplicates == "drop",
        step=info.step,
        grid=None if varies(output) else info.grid,
    )


def _record(
    info: SourceInfo, options: Settings, network: nn.Module, name: str
) -> dict[str, object]:
    """What the output's frames depend on."""
    return {
        "input": [str(info.path.resolve()), file_identity(info.path)],
        "model": [name, weights_digest(network)],
        "device": device_of(network).type,
        "version": [__version__, torch.__version__, av.__version__],
        **{key: str(value) for key, value in options.shaping().items()},
    }


def _check_middle(info: SourceInfo, output: Path, options: Settings) -> None:
    if info.expected != 2 or info.is_video:
        raise ValueError(f"{output} is one image; give two images, or write a folder or an .apng")
    if options.multiplier not in (None, 2) or options.fps is not None:
        raise ValueError(f"{output} is one image, the middle; give a folder or a video for more")


def _middle_image(job: Plan, predictor: Predictor, device: torch.device, model: str) -> Summary:
    """Writes the frame halfway between two images."""
    info = job.source.info
    start = time.perf_counter()
    first, second = job.source.pictures()
    request = Request(first.whole(device), second.whole(device), Fraction(1, 2))
    with atomic_path(job.output) as path:
        write_image(path, info.spec.from_rgb(predictor([request])[0]))
    seconds = time.perf_counter() - start
    return Summary(
        **_ends(job, model, device),
        frames_in=2,
        frames_out=1,
        resumed=0,
        generated=1,
        output_fps=None,
        seconds=round(seconds, 3),
        fps=round(1 / seconds, 3),
        real_time_factor=0.0,
    )


@contextlib.contextmanager
def _finished_work_kept(sink: Sink) -> Iterator[None]:
    """On any failure, drops what is half done and tells how to go on with the rest."""
    try:
        yield
    except PlayerClosed:
        pass  # by the user, who has seen enough
    except BaseException:
        sink.abort()
        if sink.done:
            logger.warning(
                "stopped with %d frames safe; repeat the command with --resume to go on", sink.done
            )
        else:
            sink.discard()
        raise
    finally:
        sink.close()
