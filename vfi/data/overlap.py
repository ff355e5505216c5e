"""Whether what a network learns from is what it is measured on."""

from vfi.data.clips import Clip
from vfi.data.sources import TrainData, ValData, resolve


def overlap(train: TrainData, tested: ValData) -> bool:
    """Whether training data are, or may be, what is tested on."""
    tested = resolve(tested)
    split = train.split or ("train" if train.source == "vimeo90k" else None)
    source = "video" if train.source == "mixed" else train.source
    if (source, train.root, split) != (tested.source, tested.root, tested.split):
        return False
    if source == "rendered":
        return False  # training leaves out the photographs that are tested on
    if source != "video" or tested.clips is None:
        return True
    return train.hold_out != tested.clips and train.clips in (None, tested.clips)


def check_calibration(train: TrainData, tested: ValData) -> None:
    """Makes sure that calibration does not read what is tested.

    The sample may be read: its figures say nothing anyway, and everything must run without data.

    Raises:
        ValueError: if it would.
    """
    if train.source != "sample" and overlap(train, tested):
        raise ValueError(
            f"calibration would read the set that is tested ({tested.root}); give the training "
            "data another root, or hold the tested clips out of it"
        )


def check_held_out(train: object, validated: object) -> None:
    """Makes sure that no clip is both trained and validated on.

    Args:
        train: an open training set.
        validated: an open validation set.

    Raises:
        ValueError: if one is: scores of what was learnt by heart choose the wrong checkpoint.
    """
    learnt = {clip.place for clip in _clips(train)}
    held = _clips(validated)
    shared = [clip.name for clip in held if clip.place in learnt]
    if shared:
        some = ", ".join(shared[:3]) + (", ..." if len(shared) > 3 else "")
        raise ValueError(
            f"{len(shared)} of {len(held)} clips for validation are trained on, too ({some}): "
            "write the names of some clips to a text file, a name in a line, and give it as both "
            "--data.train.hold_out and --data.val.clips"
        )


def _clips(dataset: object) -> list[Clip]:
    """The clips that a set reads, be it one of several parts; none if it reads no clips."""
    parts = [getattr(dataset, "video", None), *getattr(dataset, "parts", ())]
    found = list(getattr(dataset, "clips", ()))
    return found + [clip for part in parts if part is not None for clip in _clips(part)]
