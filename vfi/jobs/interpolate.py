"""The command that makes a video smoother."""

import logging
from typing import Any

from vfi.jobs.evaluate_video import evaluate_video
from vfi.runtime.eager import DEFAULT_MODEL
from vfi.video.job import interpolate_video
from vfi.video.settings import Settings

logger = logging.getLogger(__name__)


def interpolate(
    input: str,
    output: str,
    model: str | list[str] = DEFAULT_MODEL,
    device: str = "auto",
    evaluate: bool = False,
    **settings: Any,
) -> None:
    """Makes a video smoother or slower: new frames between those it has.

    Args:
        input: a video file, a folder of images, or an image (the other one is --second).
        output: the video to write (mp4, m4v, mov, mkv, webm, avi), a .gif, or, without a suffix, a
            new folder of PNG files; two images also make one image, the middle.
        model: a name of the pretrained registry or a file of weights; several with evaluate.
        device: auto, cpu, cuda, cuda:1, ...
        evaluate: write no video but measure the models on this one, see `evaluate_video`; the
            output is then a folder.
        **settings: see `Settings`.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if something asked for cannot be done.
    """
    models = [model] if isinstance(model, str) else model
    if evaluate:
        _evaluate(input, output, models, device, Settings(**settings))
        return
    if len(models) != 1:
        raise ValueError(f"{len(models)} models were given; give one, or several with --evaluate")
    summary = interpolate_video(input, output, models[0], device, progress=True, **settings)
    logger.info(
        "%s: %d frames from %d (%d by the network, %d cuts) in %.1f s, %.2f times real time",
        summary.output,
        summary.frames_out,
        summary.frames_in,
        summary.generated,
        len(summary.cuts),
        summary.seconds,
        summary.real_time_factor,
    )


def _evaluate(input: str, output: str, models: list[str], device: str, options: Settings) -> None:
    evaluate_video(
        input,
        output,
        models,
        device,
        input_fps=options.input_fps,
        cut_threshold=options.cut_threshold,
        flow_scale=options.flow_scale,
        tile=options.tile,
        threads=options.threads,
    )
