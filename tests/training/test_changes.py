"""Where a training goes on, and what of a changed command applies; nothing is trained."""

import os
import re
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from vfi.training.resume import changes, checkpoint_folder, last_checkpoint, say

SETTINGS = {
    "model": {
        "class_path": "A",
        "init_args": {"network": "x", "optimizer": {"lr": 0.1, "flow": 1}},
    },
    "data": {"seed": 0, "train": {"root": "here", "batch_size": 2}, "num_workers": 1},
    "trainer": {
        "max_epochs": 3,
        "default_root_dir": "a",
        "callbacks": [{"class_path": "vfi.B", "init_args": {"factor": 5}}, {"class_path": "C"}],
    },
}


def with_(path: str, value: object, settings: object = SETTINGS) -> dict:
    """A copy of the settings with one of them set, made if it was not there."""
    name, _, rest = path.partition(".")
    copy = dict(settings)
    copy[name] = with_(rest, value, copy.get(name, {})) if rest else value
    return copy


def test_nothing_changed():
    assert changes(SETTINGS, SETTINGS) == {}


@pytest.mark.parametrize(
    ("path", "before", "applies"),
    [
        ("model.init_args.optimizer.lr", 0.1, False),
        ("model.init_args.optimizer.weight_decay", None, False),
        ("model.init_args.optimizer.warmup", None, False),
        ("model.init_args.optimizer.flow", 1, False),
        ("model.init_args.optimizer.average", None, True),
        ("data.num_workers", 1, True),
        ("trainer.max_epochs", 3, True),
    ],
)
def test_a_change_is_told_with_whether_it_applies(path, before, applies):
    found = changes(SETTINGS, with_(path, 7))
    assert found == {path: {"before": before, "now": 7, "applies": applies}}
    assert changes(with_(path, 7), SETTINGS)[path]["now"] == before


def test_members_of_a_list_go_by_their_class():
    others = [{"class_path": "other.B", "init_args": {"factor": 6}}, {"class_path": "C"}]
    name = "trainer.callbacks.B.factor"
    found = changes(SETTINGS, with_("trainer.callbacks", others))
    assert found == {name: {"before": 5, "now": 6, "applies": True}}
    swapped = SETTINGS["trainer"]["callbacks"][::-1]
    assert changes(SETTINGS, with_("trainer.callbacks", swapped)) == {}
    plain = changes(with_("trainer.x", [1, {"a": 2}]), with_("trainer.x", []))
    assert plain == {"trainer.x": {"before": [1, {"a": 2}], "now": [], "applies": True}}
    unnamed = changes(with_("trainer.x", [{"init_args": {"a": 1}}]), with_("trainer.x", [{}]))
    assert unnamed == {"trainer.x.0.a": {"before": 1, "now": None, "applies": True}}


@pytest.mark.parametrize(
    "path",
    [
        "ckpt_path",
        "overwrite",
        "seed_everything",
        "data.root",
        "data.train.root",
        "data.val.root",
        "trainer.default_root_dir",
        "trainer.enable_progress_bar",
        "trainer.logger.save_dir",
        "model.init_args.optimizer.steps",
    ],
)
def test_changes_that_need_no_word(path):
    assert changes(SETTINGS, with_(path, "other")) == {}


@pytest.mark.parametrize(
    ("path", "was"),
    [
        ("model.class_path", "'A'"),
        ("model.init_args.network", "'x'"),
        ("model.init_args.refine", "unset"),
        ("model.init_args.warp_at_scale", "unset"),
        ("data.seed", "0"),
        ("data.train.batch_size", "2"),
        ("data.train.rootless", "unset"),
        ("data.val.strides", "unset"),
    ],
)
def test_another_network_or_other_data_is_another_run(path, was):
    words = rf"begun with {re.escape(path)} {was}, not 'other': its network and data must stay; "
    words += "leave it as it was, or train in a new folder$"
    with pytest.raises(ValueError, match=words):
        changes(SETTINGS, with_(path, "other"))


def test_a_network_that_was_moved_is_the_same(tmp_path):
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(content)
    before = with_("model.init_args.network", str(tmp_path / "a"))
    assert changes(before, with_("model.init_args.network", str(tmp_path / "b"))) == {}
    for other in (str(tmp_path / "c"), str(tmp_path / "d"), str(tmp_path), "x" * 5000, None, 3):
        now = with_("model.init_args.network", other)
        for pair in ((before, now), (now, before)):
            with pytest.raises(ValueError, match="its network and data must stay"):
                changes(*pair)


def test_changes_are_said_a_line_each(caplog):
    say(
        {
            "a.b": {"before": 1, "now": None, "applies": True},
            "c": {"before": "x", "now": 2, "applies": False},
        }
    )
    assert caplog.messages == [
        "resumed with a.b unset instead of 1, which applies from here on",
        "resumed with c 2 instead of 'x', which does not apply: it stays",
    ]


@pytest.fixture
def run(tmp_path: Path):
    """Makes the trainer of a run in a folder."""

    def run(*callbacks: ModelCheckpoint) -> Trainer:
        quiet = {"logger": False, "accelerator": "cpu", "enable_progress_bar": False}
        return Trainer(
            default_root_dir=tmp_path,
            callbacks=list(callbacks),
            enable_checkpointing=bool(callbacks),
            **quiet,
        )

    return run


def test_the_last_checkpoint_is_found(run, tmp_path, caplog):
    caplog.set_level("INFO")
    trainer = run(ModelCheckpoint())
    assert last_checkpoint(trainer, "a.ckpt", needed=True) == "a.ckpt"
    folder = tmp_path / "checkpoints"
    assert checkpoint_folder(trainer) == folder
    assert last_checkpoint(trainer, "last") is None
    words = f"there is no checkpoint in {folder} yet: training starts at step 0"
    assert caplog.messages[-1] == words  # Lightning told of devices before
    folder.mkdir()
    for time, name in ((2, "new.ckpt"), (1, "old.ckpt"), (3, "newest.txt"), (4, ".half.ckpt")):
        (folder / name).touch()
        os.utime(folder / name, (time, time))
    assert last_checkpoint(trainer, "last") == str(folder / "new.ckpt")
    (folder / "last.ckpt").touch()
    os.utime(folder / "last.ckpt", (0, 0))
    caplog.clear()
    assert last_checkpoint(trainer, "last", needed=True) == str(folder / "last.ckpt")
    assert caplog.messages == [f"going on from {folder / 'last.ckpt'}"]


def test_a_checkpoints_folder_of_its_own(run, tmp_path):
    trainer = run(ModelCheckpoint(), ModelCheckpoint(dirpath=tmp_path / "mine", monitor="x"))
    assert checkpoint_folder(trainer) == tmp_path / "mine"


def test_a_checkpoint_that_is_needed_or_never_kept(run, tmp_path):
    words = f"'last', but there is no checkpoint in {tmp_path}/checkpoints; give the path of one, "
    words += "or the run folder of a fit as --trainer.default_root_dir$"
    for trainer in (run(ModelCheckpoint()), run()):
        with pytest.raises(ValueError, match=words):
            last_checkpoint(trainer, "last", needed=True)
    with pytest.raises(ValueError, match="no ModelCheckpoint that keeps it; add one or give"):
        last_checkpoint(run(), "last")
