"""The command that makes the plan of a point of a sweep."""

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from vfi import pruning
from vfi.data.sources import TrainData
from vfi.jobs.sweep.records import Record
from vfi.pruning.policy import describe

_LOADED = "SavedPlan"


def command_of(record: Record, network: str, conditions: Mapping[str, Any]) -> str:
    """What to type for the plan of a point; empty where there is none, or its class is not known.

    Args:
        record: of the point.
        network: that was pruned.
        conditions: of the sweep.
    """
    policy = record["policy"]
    if not policy or not hasattr(pruning, policy["class"]):
        return ""
    if policy["class"] == _LOADED:
        plan = f"{policy['folder']}/{policy['ratio']:g}.json"
        return f"the plan lies in {plan}"
    words = ["vfi", "plan", "--network", network, *_made(policy, "policy")]
    words += _changed(conditions["train"], _plain(dataclasses.asdict(TrainData())), "train")
    words += ["--calibration", str(conditions["calibration"]), "--output", "plan.json"]
    return shlex.join(words)


def _made(described: Mapping[str, Any], name: str) -> Iterator[str]:
    """Options that make an object again of what `describe` told of it; defaults are left out."""
    kind = getattr(pruning, described["class"])
    yield from (f"--{name}", f"vfi.pruning.{kind.__name__}")
    for field in dataclasses.fields(kind):
        value, option = described[field.name], f"{name}.init_args.{field.name}"
        if value == _default(field):
            continue
        if isinstance(value, Mapping) and "class" in value:
            yield from _made(value, option)
        else:
            yield from (f"--{option}", _word(value))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return _plain(describe(field.default_factory()))
    return _plain(describe(field.default))


def _changed(value: Any, default: Any, name: str) -> Iterator[str]:
    """Options for all that differs from the default."""
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        for key in value:
            yield from _changed(value[key], default.get(key), f"{name}.{key}")
    elif value != default:
        yield from (f"--{name}", _word(value))


def _plain(value: Any) -> Any:
    """In the types of JSON, in which records are."""
    return json.loads(json.dumps(value, default=str))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
