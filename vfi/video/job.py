"""Interpolates a whole input: the job behind the command and `vfi.interpolate_video`."""

import contextlib
import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import torch
from torch import nn

from vfi.files import atomic_path
from vfi.models.device import device_of, limited_threads
from vfi.runtime.eager import DEFAULT_MODEL, resolve_model
from vfi.video.make.engine import Engine
from vfi.video.make.predict import Predictor, Request, takes_any_timestep
from vfi.video.read.images import IMAGE_SUFFIXES
from vfi.video.read.open import open_source
from vfi.video.read.source import Source, SourceInfo
from vfi.video.settings import Settings
from vfi.video.summary import Summary, progress_bar
from vfi.video.timing.cuts import Analyser
from vfi.video.timing.steps import Tally, plan
from vfi.video.timing.timeline import Timing, plan_timing
from vfi.video.write.choose import make_sink
from vfi.video.write.images import write_image
from vfi.video.write.sinks import Sink
from vfi.video.write.workspace import file_identity, weights_digest

logger = logging.getLogger(__name__)


def interpolate_video(
    input: str | Path,
    output: str | Path,
    model: str | nn.Module = DEFAULT_MODEL,
    device: str = "auto",
    progress: bool = False,
    **settings: Any,
) -> Summary:
    """Interpolates a video, a folder of images or two images.

    The output appears under its name when it is whole. Until then finished work is kept in
    ``<output>.parts``, from which ``resume`` goes on.

    Args:
        input: a video file, a folder of images, or an image (with ``second``).
        output: the video file to write (mp4, m4v, mov, mkv, webm, avi), a ``.gif``, or, without a
            suffix, a new folder of PNG files. Two images also make one image: the middle.
        model: what `vfi.load_model` takes, or a model, which is used where it is.
        device: where a model given by name runs: auto, cpu, cuda, cuda:1, ...
        progress: show a progress bar on the terminal's error stream.
        **settings: see `Settings`.

    Returns:
        What was done. It is also written beside the output, as ``<output>.json``.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if something asked for cannot be done.
    """
    options = Settings(**settings)
    output = Path(output)
    source = open_source(input, options.second, options.image_rate)
    network, name = resolve_model(model, device)
    predictor = Predictor(
        network, options.flow_scale, options.batch_size, options.tile, options.tile_overlap
    )
    with limited_threads(options.threads):
        if output.suffix.lower() in IMAGE_SUFFIXES:
            summary = _middle_image(source, output, predictor, device_of(network), name, options)
        else:
            timing = _timing(source.info, options, network)
            record = _record(source.info, options, network, name)
            sink = make_sink(output, source.info, options, timing, record)
            job = _Job(source, sink, timing, predictor, device_of(network), options)
            summary = job.run(name, progress)
    summary.write()
    return summary


class _Job:
    """One run from a source to a sink."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        timing: Timing,
        predictor: Predictor,
        device: torch.device,
        options: Settings,
    ) -> None:
        self._source = source
        self._sink = sink
        self._timing = timing
        self._predictor = predictor
        self._device = device
        self._options = options

    def run(self, model: str, progress: bool) -> Summary:
        """Does the work and tells what was done."""
        start = time.perf_counter()
        source, sink, options, tally = self._source, self._sink, self._options, Tally()
        resumed = sink.done
        known = self._report_problems(0)
        analyser = Analyser(options.cut_threshold, options.static_threshold)
        steps = plan(source, self._timing, analyser, tally, options.duplicates == "drop")
        total = expected_frames(source.info, self._timing)
        with progress_bar(total, progress) as advance, _finished_work_kept(sink):
            engine = Engine(self._predictor, sink, self._device, advance)
            engine.run(steps)
            sink.finish(source.end)
        self._report_problems(known)
        seconds = time.perf_counter() - start
        fresh = engine.written - resumed
        done = float(source.info.duration) * fresh / max(engine.written, 1)
        return Summary(
            input=str(source.info.path),
            output=str(sink.output),
            model=model,
            width=source.info.width,
            height=source.info.height,
            frames_in=tally.frames,
            frames_out=engine.written,
            resumed=resumed,
            generated=engine.generated,
            output_fps=str(self._timing.rate) if self._timing.rate else None,
            seconds=round(seconds, 3),
            fps=round(fresh / seconds, 3),
            real_time_factor=round(done / seconds, 4),
            static_pairs=tally.static_pairs,
            duplicates=tally.duplicates,
            cuts=tally.cuts,
            problems=source.problems,
        )

    def _report_problems(self, known: int) -> int:
        for problem in self._source.problems[known:]:
            logger.warning("%s: %s", self._source.info.path, problem)
        return len(self._source.problems)


def expected_frames(info: SourceInfo, timing: Timing) -> int | None:
    """About how many output frames there will be, if that can be told."""
    if timing.rate is not None and info.duration:
        return round(info.duration * timing.speed * timing.rate) + (not info.holds_last)
    parts = getattr(timing.cadence, "parts", None)
    return info.expected * parts if info.expected and parts else None


def _timing(info: SourceInfo, options: Settings, network: nn.Module) -> Timing:
    return plan_timing(
        options.multiplier,
        options.output_rate,
        options.slowness,
        rate=info.rate,
        start=info.start,
        tick=info.tick,
        any_timestep=takes_any_timestep(network),
        fills_gaps=options.duplicates == "drop",
    )


def _record(
    info: SourceInfo, options: Settings, network: nn.Module, name: str
) -> dict[str, object]:
    """What the output's frames depend on."""
    return {
        "input": [str(info.path.resolve()), file_identity(info.path)],
        "model": [name, weights_digest(network)],
        "device": device_of(network).type,
        "version": [torch.__version__, av.__version__],
        **{key: str(value) for key, value in options.shaping().items()},
    }


def _middle_image(
    source: Source,
    output: Path,
    predictor: Predictor,
    device: torch.device,
    model: str,
    options: Settings,
) -> Summary:
    """Writes the frame halfway between two images."""
    info = source.info
    if info.expected != 2 or info.is_video:
        raise ValueError(f"{output} is one image; give two images, or a folder to write to")
    if options.multiplier not in (None, 2) or options.fps is not None:
        raise ValueError(f"{output} is one image, the middle; give a folder or a video for more")
    start = time.perf_counter()
    first, second = source.pictures()
    request = Request(first.rgb(device), second.rgb(device), Fraction(1, 2))
    with atomic_path(output) as path:
        write_image(path, info.spec.from_rgb(predictor([request])[0]))
    seconds = time.perf_counter() - start
    return Summary(
        input=str(info.path),
        output=str(output),
        model=model,
        width=info.width,
        height=info.height,
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
    except BaseException:
        sink.abort()
        if sink.done:
            logger.warning(
                "stopped with %d frames safe; repeat the command with --resume to go on", sink.done
            )
        else:
            sink.discard()
        raise
