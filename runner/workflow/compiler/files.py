"""Where the files of a definition come from: the disk, or the copy that was recorded with a run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from runner.ground.errors import InvalidWorkflow, Problem
from runner.ground.plain_file import read_plain
from runner.ground.resources import data
from runner.language.source import Source, parse, read

PATTERN = "pattern:"


def pattern_path(reference: str) -> Path:
    """The file of a bundled pattern. Raises InvalidWorkflow when there is none of that name."""
    name = reference.removeprefix(PATTERN)
    path = data("patterns") / f"{name}.yaml"
    if not name.replace("-", "").replace("_", "").isalnum() or not path.is_file():
        known = ", ".join(sorted(found.stem for found in data("patterns").glob("*.yaml")))
        raise InvalidWorkflow([Problem(f"there is no pattern '{name}'", hint=f"the bundled patterns are: {known}")])
    return path


def shown_as(path: str) -> str:
    """A path as messages show it: relative to the current folder when it lies below it."""
    if path.startswith(PATTERN):
        return path
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


class DiskFiles:
    """Reads from the disk, and keeps every text it gave, so that a run can be pinned to them.

    Files are named by absolute path or `pattern:name`. Reading raises InvalidWorkflow.
    `allowed` are folders that may be read whatever the root file permits.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.texts: dict[str, str] = {}
        self._allowed = tuple(allowed)
        self._roots: tuple[str, ...] = ("/",)

    def confine(self, roots: Iterable[str]) -> None:
        """From now on, only what lies in one of these folders may be read; resolved paths."""
        self._roots = (*roots, *self._allowed)

    def source(self, path: str) -> Source:
        """A YAML file."""
        if path.startswith(PATTERN):
            source = read(pattern_path(path), path)
        else:
            self._check(path)
            source = read(Path(path), shown_as(path))
        self.texts[path] = source.text
        return source

    def text(self, path: str) -> str:
        """A text file: a prompt, a Python tool."""
        if path not in self.texts:
            self._check(path)
            self.texts[path] = _read_text(path)
        return self.texts[path]

    def has(self, path: str) -> bool:
        """Whether there is a file of that path."""
        return Path(path).is_file()

    def has_folder(self, path: str) -> bool:
        """Whether there is a folder of that path."""
        return Path(path).is_dir()

    def _check(self, path: str) -> None:
        real = Path(path).resolve()
        if not any(real.is_relative_to(root) for root in self._roots):
            hint = f"move it there, or add its folder: permissions: {{read: [{Path(path).parent}]}}"
            raise InvalidWorkflow([Problem(f"'{shown_as(path)}' is outside the root file's folder", hint=hint)])


def _read_text(path: str) -> str:
    try:
        return read_plain(Path(path)).decode()
    except UnicodeDecodeError as error:
        raise InvalidWorkflow([Problem(f"{shown_as(path)} is not UTF-8 text")]) from error
    except ValueError as error:  # a NUL in its name is none either
        raise InvalidWorkflow([Problem(f"can't read {shown_as(path)}: {error}")]) from error
    except FileNotFoundError as error:
        raise InvalidWorkflow([Problem(f"can't read {shown_as(path)}: no such file")]) from error
    except OSError as error:
        raise InvalidWorkflow([Problem(f"can't read {shown_as(path)}: {error.strerror or error}")]) from error


class RecordedFiles:
    """The copy that was recorded with a run; what the disk holds by now does not matter."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)

    def source(self, path: str) -> Source:
        return parse(self.text(path), shown_as(path))

    def confine(self, roots: Iterable[str]) -> None:
        """Nothing is read from the disk."""

    def has(self, path: str) -> bool:
        return path in self.texts

    def has_folder(self, path: str) -> bool:
        return any(known.startswith(f"{path}/") for known in self.texts)

    def text(self, path: str) -> str:
        if path not in self.texts:
            raise InvalidWorkflow([Problem(f"{shown_as(path)} is not part of the recorded definition")])
        return self.texts[path]


Files = DiskFiles | RecordedFiles


def content_hash(texts: Mapping[str, str], root: str) -> str:
    """SHA-256 over a definition's files, by their place relative to the root file's folder."""
    folder = str(Path(root).parent)
    digest = hashlib.sha256()
    for path in sorted(texts):
        name = path if path.startswith(PATTERN) else os.path.relpath(path, folder)
        digest.update(f"{len(name)}:{name}{len(texts[path])}:".encode())
        digest.update(texts[path].encode())
    return digest.hexdigest()
