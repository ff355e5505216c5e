"""The command that makes a video smoother."""

import logging
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vfi import reporting
from vfi.files import natural_key, visible_files, writable_folder
from vfi.jobs import executors
from vfi.jobs.executors import Executor, Failed, InProcess, Kind
from vfi.runtime.load import Precision, Runtime
from vfi.runtime.resolve import DEFAULT_MODEL
from vfi.runtime.ways import AUTO, remembered
from vfi.video.job import interpolate_video
from vfi.video.read.images import IMAGE_SUFFIXES
from vfi.video.read.y4m import PIPE
from vfi.video.settings import Settings
from vfi.video.summary import Summary
from vfi.video.write.containers import CONTAINERS

logger = logging.getLogger(__name__)

_KEPT = {*CONTAINERS, ".gif", ".apng", *IMAGE_SUFFIXES}
_OTHERS = ".ts .mts .m2ts .mpg .mpeg .vob .flv .wmv .asf .3gp .ogv .mxf .nut .h264 .hevc .y4m"
_VIDEOS = (*CONTAINERS, *_OTHERS.split())


def interpolate(
    input: str | list[str],
    output: str | None = None,
    model: str | list[str] = DEFAULT_MODEL,
    device: str = "auto",
    evaluate: bool = False,
    json: bool = False,
    runtime: Runtime = "auto",
    precision: Precision = "auto",
    executor: Kind = "in-process",
    address: str | None = None,
    **settings: Any,
) -> None:
    """Makes a video smoother or slower: new frames between those it has.

    Args:
        input: a video file, a folder of images, or two images; or several of the former, or a
            folder of videos, which are done one after the other into a folder. - is YUV4MPEG2 on
            standard input.
        output: the video to write (mp4, m4v, mov, mkv, webm, avi), a .gif or .apng, or, without a
            suffix, a new folder of PNG files; two images also make one image, the middle. If not
            given, it lies beside the input: in_2x.mp4. - is YUV4MPEG2 on standard output.
        model: a name or a file of weights; several with evaluate. rife-fast@openvino/int8 tells
            runtime and precision, too; auto is what ``vfi select`` chose on this machine.
        device: auto, cpu, cuda, cuda:1, ...
        evaluate: write no video but measure the models on this one, see `evaluate_video`; the
            output is then a folder.
        json: tell what was done as JSON on standard output, the record that also lies beside the
            output; a list of several inputs.
        runtime: torch, openvino, onnxruntime or auto, the fastest that is installed and agrees
            with torch here.
        precision: auto, float32, bfloat16, float16 or int8.
        executor: where several inputs are done (or models measured, with evaluate): one by one
            here, or on a Ray cluster (``ray``), whose machines see the same folders.
        address: of a Ray cluster to join: auto or host:port; one on this machine if not given.
        **settings: see `Settings`.

    Raises:
        FileNotFoundError: if there is no input.
        ValueError: if something asked for cannot be done.
        SystemExit: with status 1, if some of several inputs failed.
    """
    models = [model] if isinstance(model, str) else model
    if models == [AUTO]:
        settings = _selected(settings)
    how = device, runtime, precision
    where: dict[str, Any] = dict(zip(("device", "runtime", "precision"), how, strict=True))
    where["progress"] = logger.isEnabledFor(logging.INFO)
    if json and evaluate:
        raise ValueError("json goes with a video; with --evaluate, JSON is in the output's folder")
    if len(models) != 1 and not evaluate:
        raise ValueError(f"{len(models)} models were given; give one, or several with --evaluate")
    videos = [] if evaluate else _videos_in(input)
    if videos or (not evaluate and _are_several(input, settings)):
        targets = _targets(videos or [Path(path) for path in input], output, settings)
        with executors.executor(executor, address, device) as workers:
            _all(targets, workers, json, model=models[0], where=where, settings=settings)
        return
    input, settings = _pair(input, settings)
    if settings.get("play"):
        if output is not None or evaluate:
            raise ValueError("play shows the frames and writes nothing; leave --output out")
        output = str(PIPE)
    if evaluate:
        if output is None:
            raise ValueError("evaluate needs a folder for its figures; give it by --output")
        _evaluate(input, output, models, (*how, executor, address), Settings(**settings))
        return
    if executor != "in-process" or address:
        raise ValueError("executor and address go with several inputs, or with --evaluate")
    if json and output == str(PIPE) and not settings.get("play"):
        raise ValueError("json and the frames would both go to standard output; leave one out")
    if output is None and Path(input) == PIPE:
        raise ValueError("- has no name to write beside; give --output")
    output = output or str(beside(Path(input), Settings(**settings)))
    summary = interpolate_video(input, output, models[0], **where, **settings)
    _tell(summary, json)
    if json:
        sys.stdout.write(reporting.as_json(summary))


def _selected(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with those of the selected way where none are given."""
    way = remembered()
    logger.info("model auto: %s", way.options)
    chosen = {"threads": way.threads, "flow_scale": way.flow_scale}
    return {**settings, **{k: v for k, v in chosen.items() if settings.get(k) is None}}


def _tell(summary: Summary, json: bool) -> None:
    """Shows what was done, unless nothing is to be shown, or JSON is."""
    if summary.output == str(PIPE):  # frames may have gone where tables go
        for about, text in summary.told().items():
            logger.info("%s: %s", about, text)
    elif not json and logger.isEnabledFor(logging.INFO):
        reporting.table(Path(summary.output).name, [summary.told()])


def _videos_in(input: str | list[str]) -> list[Path]:
    """The videos in a folder that holds no images, in natural order of their names."""
    folder = Path(input if isinstance(input, str) else input[0])
    if not folder.is_dir() or (not isinstance(input, str) and len(input) > 1):
        return []
    if visible_files(folder, IMAGE_SUFFIXES):
        return []
    return sorted(visible_files(folder, _VIDEOS), key=lambda path: natural_key(path.name))


def _are_several(input: str | list[str], settings: dict[str, Any]) -> bool:
    """Whether the inputs are to be done one after the other, and are not two images."""
    if isinstance(input, str) or len(input) < 2 or settings.get("second"):
        return False
    return len(input) != 2 or not all(Path(p).suffix.lower() in IMAGE_SUFFIXES for p in input)


def _targets(
    inputs: list[Path], output: str | None, settings: dict[str, Any]
) -> list[tuple[Path, Path]]:
    """Each input and what it becomes, in a folder that can be written to."""
    folder = Path(output) if output else None
    if folder is None or (folder.suffix and not folder.is_dir()):
        raise ValueError(
            f"{len(inputs)} inputs were given; give one, or two images, or a folder for all that "
            "they become as --output"
        )
    names = [beside(path, Settings(**settings)).name for path in inputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"several inputs would become {folder / twice}; do them apart")
    writable_folder(folder)
    return [(path, folder / name) for path, name in zip(inputs, names, strict=True)]


def _do(
    target: tuple[Path, Path], model: str, where: Mapping[str, Any], settings: Mapping[str, Any]
) -> Summary | Failed:
    try:
        return interpolate_video(target[0], target[1], model, **where, **settings)
    except (ValueError, OSError) as error:
        return Failed(str(error))


def _all(targets: list[tuple[Path, Path]], workers: Executor, json: bool, **how: Any) -> None:
    """Does all inputs, each as `_do` does it; one that fails does not stop the rest."""
    if not isinstance(workers, InProcess):
        how["where"]["progress"] = False
    do = partial(_do, **how)
    failed: list[str] = []
    records: list[Any] = []
    for (path, _), done in zip(targets, workers.map(do, targets), strict=True):
        if isinstance(done, Failed):
            logger.error("%s: %s", path, done.reason)
            failed.append(str(path))
            records.append({"input": str(path), "error": done.reason})
        else:
            _tell(done, json)
            records.append(done)
    if json:
        sys.stdout.write(reporting.as_json(records))
    logger.info("%d of %d inputs done", len(targets) - len(failed), len(targets))
    if failed:
        logger.error("%d of %d inputs failed: %s", len(failed), len(targets), ", ".join(failed))
        raise SystemExit(1)


def _pair(input: str | list[str], settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The input, and the second image among the settings where two were given."""
    inputs = [input] if isinstance(input, str) else input
    if len(inputs) == 1:
        return inputs[0], settings
    images = all(Path(path).suffix.lower() in IMAGE_SUFFIXES for path in inputs)
    if len(inputs) != 2 or not images or settings.get("second"):
        raise ValueError(
            f"{len(inputs)} inputs were given; give one, or two images; the output goes to --output"
        )
    return inputs[0], {**settings, "second": inputs[1]}


def beside(path: Path, options: Settings) -> Path:
    """The output's name where none is given: ``in.mp4`` becomes ``in_2x.mp4``."""
    slower, fps = options.slowness, options.output_rate
    name = f"_{options.multiplier}x" if options.multiplier else "_2x"
    if fps is not None:
        name = f"_{float(fps):.4g}fps"
    elif slower > 1 and options.multiplier is None:
        name = ""
    if slower > 1:
        name += f"_slow{float(slower):.4g}"
    if options.second is not None:
        name = "_middle" if options.multiplier in (None, 2) and fps is None else name
    suffix = path.suffix.lower()
    if path.is_dir() or (suffix in IMAGE_SUFFIXES and name != "_middle"):
        return path.with_name(f"{path.stem}{name}")
    return path.with_name(f"{path.stem}{name}{suffix if suffix in _KEPT else '.mp4'}")


def _evaluate(
    input: str,
    output: str,
    models: list[str],
    how: tuple[str, Runtime, Precision, Kind, str | None],
    options: Settings,
) -> None:
    from vfi.jobs.evaluate_video import evaluate_video  # here: other jobs start without it

    device, runtime, precision, executor, address = how
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
        runtime=runtime,
        precision=precision,
        executor=executor,
        address=address,
    )
