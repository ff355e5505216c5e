"""What a record must look like: read from JSON, checked, and told apart from a damaged one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Schema = Any
"""``str``, ``int``, ``float`` (any finite number), ``bool``, ``None``, ``dict`` or ``list`` (of
anything), a tuple of alternatives, ``[item]``, ``{"name": schema}`` (more names may be there; a
name that ends in ``?`` may be missing), or ``{str: schema}`` (any names)."""

_WORDS = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", None: "null",
    dict: "an object", list: "a list",
}  # fmt: skip


def read_record(path: str | os.PathLike[str], schema: Schema) -> Any:
    """A record from its file.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no JSON or does not fit: the file and the field are named.
    """
    if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
        raise ValueError(f"{path} is damaged: it is no JSON (no file, but a folder or a pipe)")
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: it is no JSON ({error})") from error
    try:
        check_record(data, schema)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    return data


def check_record(data: Any, schema: Schema, where: str = "") -> None:
    """Compares data with a schema.

    Raises:
        ValueError: naming the first field that does not fit.
    """
    name = where or "the whole"
    if isinstance(schema, tuple):
        if not any(_fits(data, choice) for choice in schema):
            words = " or ".join(_word(choice) for choice in schema)
            raise ValueError(f"{name} is {_short(data)} instead of {words}")
        choice = next(choice for choice in schema if _fits(data, choice))
        check_record(data, choice, where)
    elif not _fits(data, schema):
        raise ValueError(f"{name} is {_short(data)} instead of {_word(schema)}")
    elif isinstance(schema, list):
        for place, item in enumerate(data):
            check_record(item, schema[0], f"{where}[{place}]")
    elif isinstance(schema, Mapping) and str in schema:
        for key, value in data.items():
            check_record(value, schema[str], f"{where}.{key}".lstrip("."))
    elif isinstance(schema, Mapping):
        for key, wanted in schema.items():
            known = key.removesuffix("?")
            if known in data:
                check_record(data[known], wanted, f"{where}.{known}".lstrip("."))
            elif known == key:
                raise ValueError(f"{name} has no {key!r}")


def _fits(data: Any, schema: Schema) -> bool:
    """Whether the outermost type is right; a bool is no number."""
    if schema is None:
        return data is None
    if isinstance(schema, Mapping):
        return isinstance(data, dict)
    if isinstance(schema, list):
        return isinstance(data, list)
    if schema in (int, float):
        return isinstance(data, int | schema) and not isinstance(data, bool)
    return isinstance(data, schema)


def _word(schema: Schema) -> str:
    if isinstance(schema, Mapping | list):
        return _WORDS[dict if isinstance(schema, Mapping) else list]
    return _WORDS[schema]


def _short(data: Any) -> str:
    text = json.dumps(data)
    return text if len(text) <= 40 else f"{text[:37]}..."
