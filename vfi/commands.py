"""What the command ``vfi`` can do, as text: nothing is imported to list or to choose from it."""

from dataclasses import dataclass

GROUPS = {
    "use": "make videos smoother",
    "measure": "find out how good and how fast",
    "make": "train, prune and release networks",
}


@dataclass(frozen=True)
class Command:
    """A command of ``vfi``.

    Attributes:
        group: of `GROUPS`, where ``vfi --help`` lists it.
        help: one line.
        where: ``module:function``; None for Lightning's own commands.
        words: the options that words without an option mean, in order; the last one takes all that
            follow if it is one of several values.
    """

    group: str
    help: str
    where: str | None = None
    words: tuple[str, ...] = ()


COMMANDS = {
    "interpolate": Command(
        "use",
        "make a video smoother or slower",
        "vfi.jobs.interpolate:interpolate",
        ("input",),
    ),
    "compare": Command(
        "use",
        "show what models make of your video, beside the original",
        "vfi.jobs.compare_video:compare_video",
        ("input",),
    ),
    "app": Command("use", "serve a page that does it, in your browser", "vfi.jobs.app:app"),
    "models": Command("use", "list the models there are", "vfi.jobs.models:models"),
    "doctor": Command("use", "tell what this machine can do", "vfi.jobs.doctor:doctor"),
    "config": Command(
        "use", "list the configurations, or write one out", "vfi.jobs.config:config", ("name",)
    ),
    "test": Command("measure", "score a network on triplets of frames"),
    "validate": Command("measure", "score a network on the validation set of a training"),
    "benchmark": Command(
        "measure",
        "compare models: size, time, memory",
        "vfi.jobs.benchmark:benchmark",
        ("models",),
    ),
    "select": Command(
        "measure",
        "find the best model and runtime for this device and a budget",
        "vfi.jobs.select:select",
    ),
    "evaluate": Command(
        "measure",
        "score models on your video",
        "vfi.jobs.evaluate_video:evaluate_video",
        ("input",),
    ),
    "sweep": Command("measure", "score every policy at every sparsity", "vfi.jobs.sweep:sweep"),
    "explain": Command(
        "measure",
        "show what pruning would take from a model, layer by layer",
        "vfi.jobs.explain:explain",
        ("model",),
    ),
    "draw": Command(
        "measure", "draw the pictures of results anew", "vfi.jobs.draw:draw", ("folders",)
    ),
    "verify": Command("measure", "check that a dataset is whole", "vfi.jobs.verify:verify"),
    "index": Command(
        "measure", "look once at all clips of a folder or store", "vfi.jobs.index:index", ("root",)
    ),
    "chunks": Command(
        "measure", "put many clips into few large files", "vfi.jobs.chunks:chunks", ("root",)
    ),
    "preview": Command("make", "draw what a training would be shown", "vfi.jobs.preview:preview"),
    "fit": Command("make", "train a network, pruned or not"),
    "predict": Command("make", "write the new frame of every triplet of a dataset"),
    "plan": Command("make", "decide which channels stay", "vfi.jobs.plan:plan"),
    "search": Command(
        "make", "try structures: train, score and time each", "vfi.jobs.search:search"
    ),
    "quantize": Command(
        "make", "find the 8-bit ranges of a model", "vfi.jobs.quantize:quantize", ("model",)
    ),
    "export": Command(
        "make",
        "write a model for ONNX Runtime, OpenVINO or torch.export",
        "vfi.jobs.export:export",
        ("model",),
    ),
    "release": Command(
        "make", "turn a training into a model with a name", "vfi.jobs.release:release"
    ),
    "convert": Command(
        "make",
        "make one safe file of any checkpoint",
        "vfi.jobs.convert:convert",
        ("input", "output"),
    ),
    "reproduce": Command(
        "make", "train a released model anew", "vfi.jobs.reproduce:reproduce", ("name",)
    ),
}

RENAMED = {"evaluate_video": "evaluate", "compare_video": "compare", "prune": "plan"}
"""Other names of commands: earlier ones, and what people type."""

SHORT = {"-i": "input", "-o": "output", "-m": "model", "-x": "multiplier"}
"""Short options, for the commands that have the long one."""

SYNONYMS = {
    "model": ("models", "network"),
    "models": ("model", "network"),
    "network": ("model", "models"),
}
"""Options that mean the same: the first that a command has is meant."""

EXTRAS = {
    "gradio": "app",
    "lightning": "train",
    "torchmetrics": "train",
    "yaml": "train",
    "pandas": "train",
    "matplotlib": "train",
    "deepspeed": "deepspeed",
    "openvino": "openvino",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "ray": "ray",
    "fsspec": "stores",
    "litdata": "litdata",
    "kornia": "train",
}
"""Which extra of the distribution brings a module that the core does without."""

HELP = """\
Make videos smoother with RIFE, pruned for small machines; measure, prune and train it.

  vfi in.mp4                              twice the frame rate, into in_2x.mp4
  vfi in.mp4 -o out.mp4 --fps 60          exactly 60 frames a second
  vfi COMMAND --help                      all options of a command
"""

OPTIONS = """\
Options of every command:
  -c, --config FILE   options from a YAML file; `vfi config` lists those that come along
  -q, --quiet         only warnings and errors
  -v, --verbose       more than usual
  --debug             where an error came from
  --version           the version
"""


def overview() -> str:
    """What ``vfi --help`` shows."""
    parts = [HELP]
    for group, title in GROUPS.items():
        rows = [(name, c.help) for name, c in COMMANDS.items() if c.group == group]
        parts.append("\n".join([f"{group}: {title}", *(f"  {n:<12} {text}" for n, text in rows)]))
    return "\n".join([parts[0], "\n\n".join(parts[1:]), "", OPTIONS])
