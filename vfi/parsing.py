"""From the words of a command line to the call of a job."""

import difflib
import importlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from jsonargparse import ActionConfigFile, ArgumentParser

from vfi.commands import COMMANDS, SHORT, SYNONYMS
from vfi.files import check_not_input
from vfi.shipped import with_bases

_UNDECODED = re.compile("[\ud800-\udfff]")
"""What stands for bytes of a file's name that are not UTF-8; YAML has no word for it."""

_UNPRINTED = re.compile("[\x7f-\x9f\ufffe\uffff]")
"""What YAML reads only if it is written as an escape, and JSON does not escape."""

_CLASS = "a class with its module, as vfi.pruning.L1, or {class_path: that}"
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "NoneType": "null",
    "dict": "{name: value}",
}

_MORE = "also: -q (only warnings and errors), -v (more), --debug (where an error came from)"


def job_of(name: str, args: Sequence[str]) -> Callable[[], None]:
    """The job ``name`` with command-line arguments, to be called.

    Raises:
        ValueError: if an option is unknown, is no finite number, or the output is what is read.
        argparse.ArgumentError: if a value cannot be understood.
    """
    parser = parser_of(name)
    options = Options(name, parser, COMMANDS[name].words)
    given = parser.parse_args(with_bases(options.spelled(args)))
    for option, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"--{option} is {value}; it must be a finite number")
    settings = parser.instantiate(given).as_dict()
    for own in ("config", "base"):
        settings.pop(own, None)
    if settings.get("output") and not settings.get("overwrite"):
        values = (settings.get(name) for name in ("input", "model", "models", "network"))
        named = [n for v in values for n in (v if isinstance(v, list | tuple) else [v]) if n]
        files = [path for path in map(Path, named) if path.is_file()]
        check_not_input(Path(settings["output"]), files)
    return partial(_job(name), **settings)


def parser_of(name: str) -> ArgumentParser:
    """The parser of a job: its function's arguments, with the help of their docstring."""
    command, function = COMMANDS[name], _job(name)
    parser = ArgumentParser(
        prog=f"vfi {name}",
        usage=" ".join([f"vfi {name}", *(f"[{w.upper()}]" for w in command.words), "[options]"]),
        description=(function.__doc__ or command.help).splitlines()[0],
        epilog=_MORE,
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="a YAML file of options")
    parser.add_argument("--base", type=str | None, help="the configuration that this one changes")
    parser.add_function_arguments(function)
    return parser


def _job(name: str) -> Callable[..., None]:
    """The function behind a command.

    Raises:
        ValueError: if it is one of Lightning's.
    """
    module, _, function = (COMMANDS[name].where or "").partition(":")
    if not module:
        raise ValueError(f"{name} is a command of Lightning; its parser is LightningCLI's")
    job: Callable[..., None] = getattr(importlib.import_module(module), function)
    return job


class Options:
    """The options of a command, and how people may write them.

    Args:
        command: its name.
        parser: has all its options; short ones are added to its help.
        words: the options that words without an option mean, in order.
    """

    def __init__(self, command: str, parser: ArgumentParser, words: Sequence[str] = ()) -> None:
        self._command = command
        self._words = words
        defaults = vars(parser.get_defaults())
        self._known: set[str] = set()
        self._lists: set[str] = set()
        self._flags = {"help", "print_config", "print_shtab"}
        for action in parser._actions:
            names = [option[2:] for option in action.option_strings if option.startswith("--")]
            self._known |= set(names)
            self._lists |= {name[:-1] for name in names if name.endswith("+")}
            for short, long in SHORT.items():
                if names and names[0] == self._meant(long, {names[0]}):
                    action.option_strings = [short, *action.option_strings]
        self._switches = {name for name, value in defaults.items() if value is False}

    def _meant(self, name: str, known: set[str]) -> str:
        """The option of ``known`` that a name stands for; itself if there is none."""
        return next((n for n in (name, *SYNONYMS.get(name, ())) if n in known), name)

    def spelled(self, args: Sequence[str]) -> list[str]:
        """Options as they are declared: long, underscores, true for a bare ``--resume``.

        Raises:
            ValueError: if an option is unknown, with the nearest right one; or for too many words.
        """
        spelled: list[str] = []
        lists: dict[str, list[str]] = {}
        loose: list[tuple[str, str]] = []
        open_list = ""  # ``--models a b c``: an option in full takes the words behind it
        for word, name, value in self._pairs(args):
            if name is None:
                loose.append((word, open_list))
                continue
            open_list = name[2:] if word[2:] in self._lists and name[2:] in self._lists else ""
            if value is None:
                spelled.append(name)
            elif name.startswith("--") and name[2:] in self._lists and not value.startswith("["):
                # a file's name may have a comma in it
                parts = [value] if Path(value).exists() else value.split(",")
                lists.setdefault(name[2:], []).extend(parts)
            else:
                spelled += [name, value] if name == "-c" else [f"{name}={value}"]
        self._place(loose, lists)
        return [*spelled, *(f"--{n}={self._value(n, values)}" for n, values in lists.items())]

    def _value(self, name: str, values: list[str]) -> str:
        """Several values, or one of an option that takes several, as a list."""
        undecoded = [value for value in values if _UNDECODED.search(value)]
        if name not in self._lists or len(values) == len(undecoded) == 1:
            return values[-1]
        if undecoded:
            raise ValueError(f"{undecoded[0]!a} is no UTF-8: give such a file alone, or rename it")
        whole = json.dumps(values, ensure_ascii=False)
        return _UNPRINTED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", whole)

    def _place(self, loose: list[tuple[str, str]], lists: dict[str, list[str]]) -> None:
        """Gives words without an option to the options that they mean."""
        for name, (word, _) in zip(self._words, loose, strict=False):
            lists.setdefault(name, []).append(word)
        last = self._words[-1] if self._words and self._words[-1] in self._lists else ""
        for word, open_list in loose[len(self._words) :]:
            if not (last or open_list):
                raise ValueError(
                    f"{self._command} does not know what to do with {word!r}; options start with "
                    f"--, see vfi {self._command} --help"
                )
            lists[last or open_list].append(word)

    def _pairs(self, args: Sequence[str]) -> Iterator[tuple[str, str | None, str | None]]:
        """Words, and options as they are declared with their values; words are none."""
        following = iter(itertools.zip_longest(args, args[1:]))
        for word, after in following:
            if not word.startswith("-") or word == "-" or _is_number(word):
                yield word, None, None
                continue
            name, equals, value = self._name(word)
            if name in ("-h", *(f"--{flag}" for flag in self._flags)):
                yield word, word, None
            elif equals:
                yield word, name, value
            elif name[2:] in self._switches:
                given = after in ("true", "false")
                if given:
                    next(following, None)
                yield word, name, after if given else "true"
            elif after is None or (after.startswith("--") and not _is_number(after)):
                raise ValueError(f"{word} needs a value; see vfi {self._command} --help")
            else:
                next(following, None)
                yield word, name, after

    def _name(self, word: str) -> tuple[str, str, str]:
        """``(name, "=" or "", value)`` of an option as it is declared."""
        if not word.startswith("--"):
            short, attached = word[:2], word[2:].removeprefix("=")
            if short in ("-c", "-h"):
                return short, "=" if attached else "", attached
            known = self._meant(SHORT.get(short, ""), self._known)
            if known not in self._known:
                raise ValueError(
                    f"{self._command} has no option {short}; see vfi {self._command} --help"
                )
            return f"--{known}", "=" if attached else "", attached
        name, equals, value = word[2:].partition("=")
        name = self._meant(name.replace("-", "_"), self._known)
        if name.partition(".")[0] not in self._known and name not in self._flags:
            close = difflib.get_close_matches(name, sorted(self._known), 1, 0.5)
            hint = f"did you mean --{close[0]}?" if close else f"see vfi {self._command} --help"
            raise ValueError(f"{self._command} has no option {word.partition('=')[0]}; {hint}")
        return f"--{name}", equals, value


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-\d+(\.\d*)?", word) is not None


def plain(text: str) -> str:
    """What jsonargparse says of a wrong option or value, in one line."""
    if unknown := re.match(r"unrecognized arguments: (\S+)", text):
        return f"there is no option {unknown[1]}; --help lists them all"
    if missing := re.match(r"the following arguments are required: (?:\w+\.(?=\w+$))?(.*)", text):
        names = " and ".join(f"--{name}" for name in missing[1].split(", "))
        verb = "are" if " and " in names else "is"
        return f"{names} {verb} missing; --help tells more"
    key = re.search(r'Parser key "([^"]*)":?\s*', text)
    name = f"--{key[1]}" if key else "a value"
    types, given = re.search(r"Subtypes: \[(.*)\]", text), re.search(r"Given value: ?(.*)", text)
    if given and types:
        reasons = re.findall(r"^\s*- (.*)$", text, re.MULTILINE)
        own = [reason for reason in reasons if not reason.startswith(("Expected", "Does not"))]
        return f"{name} is {given[1]!r}; " + (own[-1] if own else f"it must be {_kinds(types[1])}")
    if wrong := re.search(r"Expected an? (.*)\. Got value: ?(.*)", text):
        return f"{name} is {wrong[2]!r}; it must be {_kinds(wrong[1])}"
    if wrong := re.search(r"Expected a dot import path string: ?(.*)", text):
        return f"{name} is {wrong[1]!r}; it must be {_CLASS}"
    if wrong := re.search(r"Unable to load config '(.*)'", text):
        return f"{name} is {wrong[1]!r}; it must be a file of options or {{option: value}}"
    rest = text[key.end() :] if key else text
    return (f"{name}: " if key else "") + " ".join(rest.split())


def _kinds(types: str) -> str:
    """What jsonargparse calls the types of a value, for people."""
    types = re.sub(r"<class '([\w.]+)'>", r"\1", types)
    parts = re.findall(r"(?:[^,\[]|\[(?:[^\[\]]|\[.*?\])*\])+", types)  # at commas in no brackets
    return " or ".join(dict.fromkeys(_kind(part.strip()) for part in parts))


def _kind(name: str) -> str:
    if choices := re.fullmatch(r"typing\.Literal\[(.*)\]", name):
        return f"one of {choices[1]}"
    if count := re.fullmatch(r"tuple with (\d+) elements", name):
        return f"a list of {count[1]} values"
    word, _, inner = name.partition("[")
    word = word.rpartition(".")[2]
    if word in ("list", "tuple", "Sequence"):
        numbers = inner.startswith(("int", "float"))
        return f"a list of {'numbers' if numbers else 'values'} in []"
    return _KINDS.get(word, _CLASS)
