"""What makes a job's frames, as its settings ask for."""

import contextlib
from collections.abc import Iterator

from torch import nn

from vfi.models.device import limited_threads
from vfi.runtime.compiled import called_side_by_side
from vfi.video.make.beyond import WholePredictor
from vfi.video.make.predict import flow_scale_for
from vfi.video.read.source import SourceInfo
from vfi.video.settings import Settings


@contextlib.contextmanager
def predictor_of(
    network: nn.Module, options: Settings, info: SourceInfo
) -> Iterator[WholePredictor]:
    """The predictor; while this lasts, torch and the network have the threads they may have.

    A compiled network makes a frame in each thread, unless frames are wanted one after the other
    or are so large that several would take too much memory.
    """
    scale = flow_scale_for(options.flow_scale, info.height, info.width)
    alone = options.play or options.tile or scale != 1 or options.batch_size > 1
    with (
        called_side_by_side(network, 1 if alone else options.threads) as workers,
        limited_threads(1 if workers > 1 else options.threads),
    ):
        yield WholePredictor(
            network,
            options.flow_scale,
            options.batch_size,
            options.tile,
            options.tile_overlap,
            still=options.still == "on",
            workers=workers,
        )
