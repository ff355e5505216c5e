"""The job that makes a file of the project's own format of any checkpoint."""

import logging
from pathlib import Path

from vfi.checkpoints.formats import read, write

logger = logging.getLogger(__name__)


def convert(input: str, output: str, overwrite: bool = False) -> None:
    """Makes one safetensors file of the network in a checkpoint, whoever wrote it.

    Of a training the averaged weights are taken; of one under DeepSpeed, whose checkpoints have no
    average, the last ones.

    Args:
        input: a ``.ckpt`` of ``fit``, also the folder that it is under FSDP or DeepSpeed; or the
            authors' file of weights.
        output: the file to write; its name ends in ``.safetensors``.
        overwrite: replace a file that is there.

    Raises:
        FileNotFoundError: if there is no such checkpoint.
        ValueError: if it is damaged or of something else, or the output cannot be written.
    """
    path = Path(output)
    if path.suffix != ".safetensors":
        raise ValueError(f"output is {output!r}; give a name that ends in .safetensors")
    if path.exists() and not overwrite:
        raise ValueError(f"{output} exists; give another name, or --overwrite true")
    write(read(input), path)
    logger.info("wrote %s", path)
