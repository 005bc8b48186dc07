"""A user's own providers: servers of OpenAI's protocol, named in the user's settings, never in a project's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.ground.errors import InvalidWorkflow, Place, Problem, did_you_mean
from runner.ground.json_value import Json
from runner.ground.plain import one_line
from runner.ground.plain_file import Unreadable, read_plain
from runner.world.providers.endpoints import KNOWN, Environment, Known, is_address

LARGEST_SETTINGS = 64 * 1024
_SECTION = "providers"
_KEYS = {"base_url": 'base_url = "http://gpu.lab:8000/v1"', "key_env": 'key_env = "LAB_API_KEY"'}
"""What a provider may say of itself, and how."""

_EXAMPLE = f"[providers.lab], and below it {_KEYS['base_url']}"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LONGEST_ADDRESS = 2000

_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?")
_ENTRY = re.compile(r"\s*([^=#\s\[][^=#]*?)\s*=")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

Keys = tuple[str, ...]


def settings_file(environment: Environment) -> Path | None:
    """Where a user's settings are; None where the environment has no home. A relative path would be the project's."""
    for variable, *folders in (("XDG_CONFIG_HOME",), ("HOME", ".config")):
        folder = Path(environment.get(variable, ""))
        if folder.is_absolute():
            return folder.joinpath(*folders, "wf", "config.toml")
    return None


def own_providers(environment: Environment) -> Mapping[str, Known]:
    """The providers of the user's settings, by name. Raises InvalidWorkflow with all that is wrong in that file."""
    path = settings_file(environment)
    if path is None:
        return {}
    text = ""
    try:
        text = read_plain(path, LARGEST_SETTINGS).decode()
        found = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidWorkflow([Problem(f"can't read {path}: {error.strerror}")]) from error
    except Unreadable as error:
        raise InvalidWorkflow([Problem(f"can't read {path}: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidWorkflow([_no_toml(path, text, str(error))]) from error
    except (RecursionError, ValueError) as error:  # nested too deeply; no UTF-8; a number of too many digits
        raise InvalidWorkflow([Problem("this can't be read as TOML", Place(str(path)))]) from error
    return _checked(_Settings(str(path), text), found)


class _Settings:
    """The text of the settings, to find in it where something stands.

    Values are not shown: one may be a key that was put there by mistake.
    """

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = text.split("\n")

    def problem(self, words: str, path: Keys, hint: str = "") -> Problem:
        """A problem of what stands at `path`, or of as much of that as is there."""
        return Problem(words, self._place(path), hint, rule="settings")

    def _place(self, path: Keys) -> Place:
        for length in range(len(path), 0, -1):
            for number, line, at in self._entries():
                if at[:length] == path[:length]:
                    before, equals, _ = line.partition("=")
                    column = max(0, line.find(path[length - 1])) + 1
                    shown = f"{before}{equals} …" if equals else line
                    return Place(self._file, number, column, shown, len(path[length - 1]))
        return Place(self._file)

    def _entries(self) -> Iterator[tuple[int, str, Keys]]:
        """The lines that name something: their numbers, their texts, and what they name."""
        table: Keys = ()
        for number, line in enumerate(self._lines, 1):
            if header := _TABLE.fullmatch(line):
                table = _named(header[1])
                yield number, line, table
            elif entry := _ENTRY.match(line):
                yield number, line, (*table, *_named(entry[1]))


def _named(written: str) -> Keys:
    """What a dotted key names."""
    try:
        value: Json = tomllib.loads(f"{written} = 0")
    except (tomllib.TOMLDecodeError, RecursionError):
        return ()
    names = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def _no_toml(path: Path, text: str, said: str) -> Problem:
    where = _AT.search(said)
    line, column = (int(where[1]), int(where[2])) if where and where[1] else (text.count("\n") + 1, 1)
    return Problem(one_line(_AT.sub("", said), 200), Place(str(path), line, column), rule="settings")


def _checked(settings: _Settings, found: Mapping[str, Json]) -> Mapping[str, Known]:
    problems, own = [], {}
    for name in found:
        if name != _SECTION:
            words = f"unknown setting '{one_line(name, 80)}'{did_you_mean(name, [_SECTION])}"
            problems.append(settings.problem(words, (name,), f"a user's settings are providers: {_EXAMPLE}"))
    providers = found.get(_SECTION, {})
    if not isinstance(providers, dict):
        raise InvalidWorkflow([settings.problem("providers are tables", (_SECTION,), f"write {_EXAMPLE}")])
    for name, entry in providers.items():
        if wrong := list(_wrong(settings, name, entry)):
            problems += wrong
        else:
            key = entry.get("key_env", "")
            own[name] = Known((key,) if key else (), needs_key=bool(key), direct=True, address=entry["base_url"])
    if problems:
        raise InvalidWorkflow(sorted(problems, key=lambda problem: problem.place.line if problem.place else 0))
    return own


def _wrong(settings: _Settings, name: str, entry: Json) -> Iterator[Problem]:
    """What is wrong with a provider."""
    at = (_SECTION, name)
    if not _NAME.fullmatch(name):
        words = f"'{one_line(name, 80)}' can't be a provider's name"
        yield settings.problem(words, at, "a-z, 0-9, `_` and `-`, at most 64, a letter or digit first")
    elif name in KNOWN:
        variable = next(iter(KNOWN[name].bases), "")
        hint = f"set {variable} to ask another server, or choose another name" if variable else "choose another name"
        yield settings.problem(f"there is a provider '{name}' already", at, hint)
    if not isinstance(entry, dict):
        yield settings.problem(f"provider '{name}' is a table", at, f"write {_EXAMPLE}")
        return
    unknown = entry.keys() - _KEYS.keys()
    for key in entry:
        if key in unknown:
            words = f"provider '{name}' has an unknown key '{one_line(key, 80)}'{did_you_mean(key, list(_KEYS))}"
            yield settings.problem(words, (*at, key), f"its keys are: {', '.join(_KEYS.values())}")
    if "base_url" not in entry and not unknown:
        yield settings.problem(f"provider '{name}' lacks its address", at, f"add {_KEYS['base_url']}")
    yield from _wrong_values(settings, name, entry)


def _wrong_values(settings: _Settings, name: str, entry: Mapping[str, Json]) -> Iterator[Problem]:
    base, key = entry.get("base_url", "http://x"), entry.get("key_env", "X")
    if not (isinstance(base, str) and len(base) <= _LONGEST_ADDRESS and is_address(base)):
        words = f"the base_url of provider '{name}' is no address"
        yield settings.problem(words, (_SECTION, name, "base_url"), f"write it in full: {_KEYS['base_url']}")
    elif "@" in base:
        words = f"the base_url of provider '{name}' holds a name or a password"
        yield settings.problem(words, (_SECTION, name, "base_url"), f"name the key's variable: {_KEYS['key_env']}")
    if not (isinstance(key, str) and _VARIABLE.fullmatch(key)):
        words = f"the key_env of provider '{name}' is no name of a variable"
        hint = f"set a variable to the key, and name that variable: {_KEYS['key_env']}"
        yield settings.problem(words, (_SECTION, name, "key_env"), hint)
