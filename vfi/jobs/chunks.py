"""The ``chunks`` job: puts the clips of a folder or store into litdata's chunks, once."""

import io
import logging
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import av

from vfi import reporting
from vfi.data.chunked import PREFIX, RECORD, chunked_clips, opened
from vfi.data.clips import Clip, find_clips
from vfi.data.decoding import clip_file
from vfi.data.patience import check_patience
from vfi.data.stores import NoRoomError
from vfi.files import sha256_of
from vfi.measure.conditions import check_positive

logger = logging.getLogger(__name__)

_AT_ONCE = 256  # clips between two savings


def chunks(root: str, output: str = "chunks", chunk_mib: int = 64, patience: float = 60.0) -> None:
    """Puts clips into large files that object stores give sooner; they stay as they are encoded.

    Training reads them by ``--data.train.root litdata::<output>``, or wherever the folder was
    copied to: ``litdata::s3://...``. It is shown the triplets that the clips themselves would give.
    Stopped, the same command goes on; clips that came later are added.

    Args:
        root: a folder, at any depth, or an address that fsspec knows: s3://..., http://...
        output: a folder.
        chunk_mib: size of a chunk; a clip is never cut.
        patience: seconds that a clip may take; one that takes longer is named and left out.

    Raises:
        FileNotFoundError: if there is no such folder of clips.
        ModuleNotFoundError: if litdata is not installed.
        ValueError: if it holds no clip that is a file, or the folder holds something else.
    """
    check_positive(chunk_mib=chunk_mib)
    check_patience(patience)
    import litdata

    folder = Path(output)
    if folder.exists() and not (folder / RECORD).exists() and any(folder.iterdir()):
        raise ValueError(f"output is {output}, where other files are; give a folder of its own")
    clips = _files(root)
    known = chunked_clips(f"{PREFIX}{output}") if (folder / RECORD).exists() else {}
    new = iter(clip for clip in clips if clip.name not in known)
    count = len(known)
    while part := list(islice(new, _AT_ONCE)):
        begun = (folder / "index.json").exists()
        before = len(opened(output)) if begun else 0
        litdata.optimize(
            partial(_packed, patience=patience), part, output,
            chunk_bytes=chunk_mib << 20, num_workers=1, mode="append" if begun else None,
            keep_data_ordered=True, start_method="spawn", verbose=False,
        )  # fmt: skip
        made = opened(output)
        for number in range(before, len(made)):
            item = made[number]
            row = {"name": item["name"], "bytes": len(item["data"]), "item": number}
            known[item["name"]] = row | {"sha256": item["sha256"]}
        reporting.write_json({"clips": list(known.values())}, folder / RECORD)
    if not known:
        raise ValueError(f"no clip of {root} can be read; give another folder")
    logger.info("%s: %d clips, %d added now", output, len(known), len(known) - count)


def _files(root: str) -> list[Clip]:
    clips = find_clips(root)
    folders = [clip.name for clip in clips if clip.images()]
    if folders:
        logger.warning("folders of images are left out: %s", ", ".join(folders[:10]))
    return [clip for clip in clips if clip.name not in folders]


def _packed(clip: Clip, patience: float) -> dict[str, Any] | None:
    """A clip as it is kept; nothing of one that cannot be read."""
    try:
        with clip_file(clip, patience) as place:
            data = Path(place).read_bytes() if isinstance(place, str) else place.read()
        av.open(io.BytesIO(data)).close()
    except NoRoomError:  # of this machine, not of the clip
        raise
    except (ValueError, OSError, av.FFmpegError) as error:
        logger.warning("%s is left out: %s", clip.name, error)
        return None
    return {"name": clip.name, "sha256": sha256_of(io.BytesIO(data)), "data": data}
