"""Whether what a network learns from is what it is measured on."""

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
