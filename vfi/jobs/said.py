"""The command line that a job was called by, for reports that tell how they were made."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def command_line(
    name: str, job: Callable[..., None], settings: Mapping[str, Any], first: str = "input"
) -> list[str]:
    """The words that call a job with these settings; what is at its default is left out.

    Args:
        name: of the command.
        job: its function.
        settings: its arguments by name.
        first: the argument that needs no option.
    """
    words = ["vfi", name]
    for option, parameter in inspect.signature(job).parameters.items():
        value = settings[option]
        several = isinstance(value, list | tuple)
        if (tuple(value) if several else value) == parameter.default:
            continue
        if option != first:
            words.append(f"--{option}")
        if value is not True:  # a switch
            words += map(str, value if several else [value])
    return words
