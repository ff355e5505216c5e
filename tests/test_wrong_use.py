"""The command used wrongly: one line each, that says what to do, and exit status 2."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vfi.cli import main, one_line
from vfi.shipped import with_bases

ROOT = Path(__file__).parent.parent
WRONG = [
    ("interpolat in.mp4", "did you mean interpolate?"),
    ("tset", "did you mean test?"),
    ("sweeep", "did you mean sweep?"),
    ("evaluate-vide", "did you mean evaluate?"),
    ("xyzzy", "'xyzzy' is neither a command nor a file; vfi --help lists"),
    ("no.mp4", "no.mp4 does not exist"),
    ("no.mp4 -o out.mp4", "no.mp4 does not exist"),
    ("interpolate", "--input is missing"),
    ("interpolate a.mp4 b.mp4", "2 inputs were given; give one"),
    ("interpolate a.mp4 --multiplyer 3", "did you mean --multiplier?"),
    ("interpolate a.mp4 --slow-motoin 3", "did you mean --slow_motion?"),
    ("interpolate a.mp4 --zzz 1", "no option --zzz; see vfi interpolate --help"),
    ("interpolate a.mp4 -z 1", "no option -z"),
    ("interpolate a.mp4 -x", "-x needs a value"),
    ("interpolate a.mp4 -x two", "--multiplier is 'two'; it must be a whole number or null"),
    ("interpolate a.mp4 -x 1", "multiplier is 1; it must be 2 or more"),
    ("interpolate a.mp4 -x 2 --fps 60", "were both given"),
    ("interpolate a.mp4 --fps fast", "fps is 'fast'"),
    (
        "interpolate a.mp4 --audio loud",
        "--audio is 'loud'; it must be one of 'auto', 'copy', 'drop'",
    ),
    ("interpolate a.mp4 --slow-motion 0", "slow_motion is"),
    ("interpolate a.mp4 --threads 0", "threads is 0"),
    ("interpolate a.mp4 --resume=maybe", "--resume is 'maybe'; it must be true or false"),
    ("interpolate a.mp4 -m [a,b]", "2 models were given"),
    ("interpolate a.mp4 --evaluate", "give it by --output"),
    ("interpolate -c no.yaml", "there is no configuration no.yaml"),
    ("evaluate a.mp4", "--output is missing"),
    ("compare a.mp4 -o b.png -m rife-fast extra", "does not know what to do with 'extra'"),
    ("compare no.mp4 -o b.png", "no.mp4 does not exist"),
    ("benchmark --repeats 0", "repeats is 0"),
    ("benchmark --precision int3", "--precision is 'int3'; it must be one of"),
    ("benchmark rife-fast rife-fast", "one or more different names"),
    ("benchmark no-such-model", "no weights named 'no-such-model'"),
    ("benchmark rife-fast --device gpu9", "cannot use the device 'gpu9'"),
    ("benchmark rife-fast --device meta", "cannot use the device 'meta'"),
    ("explain rife-fast --device mkldnn", "'mkldnn': torch does not compute there; cpu"),
    ("select --budget 5fps --device xla", "with arguments from the 'XLA' backend; cpu"),
    ("sweep --device privateuseone", "cannot use the device 'privateuseone'"),
    ("interpolate a.mp4 --multiplier=", "--multiplier is ''; it must be a whole number or null"),
    ("interpolate a.mp4 --segment=", "--segment is ''; it must be a whole number"),
    ("interpolate a.mp4 --fps 1e400", "fps is '1e400'; give a positive number or fraction"),
    ("interpolate a.mp4 --fps 1e999999999", "fps is '1e999999999'; give a positive number"),
    ("interpolate a.mp4 --slow_motion 1e9", "or fraction such as 60 or 24000/1001, up to 1000000"),
    ("interpolate a.mp4 --threads 100000", "threads is 100000; it must be from 1 to"),
    ("interpolate a.mp4 --audio_offset 1e400", "--audio_offset is inf; it must be a finite number"),
    ("compare a.mp4 -o b.png --threads 0", "threads is 0; it must be from 1 to"),
    ("compare a.mp4 -o b.png --threads 100000", "threads is 100000; it must be from 1 to"),
    ("compare a.mp4 -o b.png --tile_width 1000000", "tile_width is 1000000; it must be from 32"),
    ("compare a.mp4 -o b.png --frames 100000", "frames is 100000; it must be from 1 to"),
    ("compare a.mp4 -o b.png --seconds 1e400", "--seconds is inf; it must be a finite number"),
    ("compare a.mp4 -o b.png --flow_scale 0", "flow_scale is 0.0; choose from 0.25"),
    ("evaluate a.mp4 -o b --limit -1", "limit is -1; it must be 1 or more"),
    ("evaluate a.mp4 -o b --tile 5", "tile is 5 with an overlap of 64"),
    ("evaluate a.mp4 -o b --flow_scale 0", "flow_scale is 0.0; choose from 0.25"),
    ("evaluate a.mp4 -o b --threads 100000", "threads is 100000; it must be from 1 to"),
    ("benchmark --warmup -1", "warmup is -1; it must be 0 or more"),
    ("benchmark --repeats 99999999999999999999999", "it must be at most 1000000000"),
    ("benchmark --batch []", "batch must be one or more different values, got []"),
    ("benchmark --runtime []", "runtime must be one or more different values, got []"),
    ("benchmark --threads 1,1", "threads must be one or more different values, got [1, 1]"),
    ("benchmark --threads 100000", "threads is 100000; it must be from 1 to"),
    ("benchmark --flow_scale 0", "flow_scale is 0.0; choose from 0.25"),
    ("select --budget realtime --threads []", "threads is []; give one number or more"),
    ("index . --patience -1", "patience is -1.0; it must be seconds above 0"),
    ("index . --workers 100000", "workers is 100000; it must be at most"),
    ("chunks . --patience 0", "patience is 0.0; it must be seconds above 0"),
    ("select --budget realtime --qualities no.json", "there is no file no.json; give what"),
    ("models --jsn", "did you mean --json?"),
    ("models rife-fast", "does not know what to do with 'rife-fast'"),
    ("config test/basline", "did you mean test/baseline.yaml?"),
    ("quantize --limit_db .nan", "--limit_db is nan"),
    ("preview --train.render.speed=[.nan,1]", "render.speed is (nan, 1.0); it must be"),
    ("preview --train 5", "--train is '5'; it must be a file of options"),
    ("preview --train noise.png", "a file among the options is no text in UTF-8"),
    ("benchmark --repeats true", "--repeats is 'True'; it must be a whole number"),
    ("sweep --levels abc", "--levels is 'abc'; it must be a list of values in []"),
    ("sweep --levels [abc]", "--levels is 'abc'; it must be a number"),
    ("select --budget 5 --threads x", "it must be a list of numbers in [] or null"),
    ("preview --train.render.speed [1,2,3]", "it must be a list of 2 values"),
    ("interpolate a.mp4 --bit_depth 9", "it must be one of 8, 10 or null"),
    ("release --run a --name b --sets 5", "--sets is '5'; it must be {name: value} or null"),
    ("plan --policy x -o y", "--policy is 'x'; it must be a class with its module"),
    ("test", "--model is missing"),
    ("convert", "--input and --output are missing"),
    ("interpolate a\x7f.mp4", "a\x7f.mp4 does not exist"),
    ("interpolate -i a,b.mp4 -x 2 --fps 60", "were both given"),
    ("verify", "--root is missing"),
    ("verify --root nowhere", "no folder nowhere; give"),
    ("release --run nowhere --name a", "there is no nowhere"),
    ("release --run nowhere --name A/b", "name is 'A/b'"),
    ("reproduce rife-fats", "no model 'rife-fats'"),
    ("test -c test/basline.yaml", "did you mean test/baseline.yaml?"),
    ("test -c test/baseline.yaml --trainer.max_eopchs 3", "no option --trainer.max_eopchs"),
    ("test -c test/baseline.yaml --data.batch_size many", "--data.batch_size is 'many'"),
    ("test -c test/baseline.yaml --data.root nowhere", "no folder nowhere; give"),
    ("fit -c fit/quality.yaml", "needs its folder; give it with --data.train.root"),
    ("preview --train.source rendered --output x.jpg", "give it with --train.root"),
]


@pytest.fixture
def told(tmp_path, monkeypatch, caplog, capsys):
    """Runs a command that is wrong in an empty folder, and gives the one line that says so."""
    monkeypatch.chdir(tmp_path)

    def told(arguments):
        assert main(arguments) == 2
        errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
        assert len(errors) == 1
        assert "\n" not in errors[0].strip()
        assert "Traceback" not in capsys.readouterr().err
        assert not list(tmp_path.rglob("*.ckpt"))
        return errors[0]

    return told


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[words for words, _ in WRONG])
def test_wrong_use_takes_one_line(words, message, told, tmp_path):
    if "a.mp4" in words.split() and "no.mp4" not in words:
        (tmp_path / "a.mp4").write_text("no video")
    (tmp_path / "a,b.mp4").write_text("no video")
    (tmp_path / "noise.png").write_bytes(FILES["noise.png"])
    assert message in told(words.split())


FILES = {
    "noise.png": b"\x89PNG\xff",
    "text.json": b"{}",
    "bytes/losses.csv": b"step,loss\n\0\xff,1\n",
    "empty/losses.csv": b"",
}
CONFIGURATIONS = [
    (b"", "it holds no options"),
    (b"- 1\n- 2\n", "it holds no options"),
    (b"words", "it holds no options"),
    ("rows: 2\n".encode("utf-16"), "it is no text in UTF-8"),
    ("output: caf\xe9.png".encode("latin-1"), "it is no text in UTF-8"),
    (b"\x7fELF\xff", "it is no text in UTF-8"),
    (b"rows: 2\0", "control characters are not allowed"),
    (b"train:\n\tsteps: 1\n", "line 2, column 1"),
    (b"rows: [1", "line 1"),
    (b"rows: 1\n---\nrows: 2\n", "found another document in line 2"),
    (b"rows: 1\nsize: 3\nrows: 2\n", "line 3 gives 'rows' again"),
    (b"train:\n  steps: 1\n  steps: 2\n", "line 3 gives 'steps' again"),
    (b"rows: [" * 5000, "exceeded maximum nesting depth|maximum recursion"),
    (b"base: [a.yaml, b.yaml]", "its base is a sequence; name one configuration"),
    (b"train: &a [*a]", "aliases unfold"),
    (b"train: &a {root: *a}", "aliases unfold"),
    (
        b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(
            b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 9)
        ),
        "aliases unfold",
    ),
    (b"rows: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
]


@pytest.mark.parametrize(("content", "words"), CONFIGURATIONS, ids=lambda value: str(value)[:30])
def test_a_file_that_is_no_configuration_takes_one_line(content, words, told, tmp_path):
    (tmp_path / "mine.yaml").write_bytes(content)
    message = told(["preview", "-c", "mine.yaml"])
    assert re.search(words, message)
    assert "mine.yaml is no configuration" in message or "constructor" in message


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfbase: other.yaml\r\nsize: 3\r\n",
        b"base: 'other.yaml'\n",
        b"base: other.yaml # and nothing else\n",
        b"{size: 3, base: other.yaml}",
    ],
)
def test_a_base_is_found_however_it_is_written(content, tmp_path, told):
    (tmp_path / "mine.yaml").write_bytes(content)
    (tmp_path / "other.yaml").write_text("rows: 0\n")
    assert "rows" in told(["preview", "-c", "mine.yaml"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([b"b\xe9.mp4"], b".mp4 does not exist; give a video"),
        ([b"b\xe9.mp4", b"a.mp4"], rb"'b\udce9.mp4' is no UTF-8: give such a file alone"),
    ],
)
def test_names_that_are_no_utf_8(names, message, tmp_path):
    """In a process: pytest's own cannot hand each other what is logged of such a name."""
    done = subprocess.run(
        [sys.executable, "-m", "vfi", "interpolate", *names],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr


def test_options_as_text_are_kept_to_the_letter():
    words = ["-c", '{output: "s3://a//b.jpg"}']
    assert with_bases(words) == words


def test_a_configuration_with_accents_is_read_whatever_the_system_writes(tmp_path):
    path, text = tmp_path / "mine.yaml", "output: café.jpg\nrows: 0\n"
    path.write_text(text, encoding="utf-8")
    assert with_bases(["-c", str(path)]) == ["-c", text]
    with pytest.raises(UnicodeEncodeError) as told:
        text.encode("ascii")  # as file names are where LC_ALL is C
    assert one_line(told.value) == r"this system takes no '\xe9' in ascii; set PYTHONUTF8=1"


COMMANDS = [
    (["fitt"], "neither a command nor a file"),
    (["fit", "--nonsense", "1"], "there is no option --nonsense"),
    (["fit", "--config", "nothing.yaml"], "there is no configuration nothing.yaml"),
    (["test", "--trainer.limit_test_batches", "0"], "limit_test_batches is 0"),
    (["test", "--seed_everything", "1e23"], "seed_everything is '1e23'"),
    (["test", "--trainer.devices", "-1"], "devices is -1"),
    (["test", "--data.num_workers", "100000"], "num_workers is 100000"),
    (["test", "--ckpt_path", "last"], "there is no checkpoint in"),
    (["test", "--ckpt_path", "noise.png"], "cannot use noise.png: it is not a weights file"),
    (["test", "--ckpt_path", "text.json"], "cannot use text.json: it is not a weights file"),
    (["preview", "--output", "picture"], "output is 'picture'; it must end in one of .jpg"),
    (["preview", "--output", "picture.txt"], "output is 'picture.txt'; it must end in one of"),
    (["quantize", "text.json", "-o", "text.json"], "text.json is the input text.json"),
    (["explain", "./text.json", "-o", "text.json"], "text.json is the input text.json"),
    (["compare", "text.json", "-o", "sub/../text.json"], "is the input text.json"),
    (["benchmark", "rife-fast", "./text.json", "-o", "text.json"], "is the input text.json"),
    (["draw", "bytes"], "bytes/losses.csv does not hold the figures"),
    (["draw", "empty"], "empty/losses.csv does not hold the figures"),
    (["test", "--trainer.default_root_dir", "."], "the run folder is ."),
    (["test", "--data.batch_size", "many"], "data.batch_size is 'many'"),
    (["sweep", "--levels", "[2]"], "ratio is 2.0; a sparsity must be"),
    (["sweep", "--levels", "[]"], "levels has no sparsity above 0"),
    (["sweep", "--policies", "{}"], "policies is empty"),
    (["sweep", "--repeats", "-1"], "repeats is -1; it must be"),
    (["sweep", "--limit", "0"], "limit is 0; it must be"),
    (["sweep", "--device", "warp"], "cannot use the device 'warp'"),
    (["plan", "--output", "x.txt"], "--policy is missing"),
    (["release", "--run", "nowhere", "--name", "mine"], "there is no nowhere/run.json"),
    (["release", "--run", "nowhere", "--name", "../up"], "name is '../up'"),
    (["release", "--run", "nowhere", "--name", ""], "name is ''"),
    (["reproduce", "nothing-of-this-name"], "no model 'nothing-of-this-name'"),
]


@pytest.mark.parametrize(("arguments", "words"), COMMANDS, ids=lambda value: str(value)[:40])
def test_a_value_that_cannot_be_takes_one_line(arguments, words, told, tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    if arguments[0] in ("fit", "test"):
        model = ["--model", "vfi.training.module.BaselineModule", "--model.method", "copy"]
        arguments = [arguments[0], *model, *arguments[1:]]
    assert re.search(words, told(arguments))
