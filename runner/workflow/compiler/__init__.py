"""A file and all that it refers to, as one checked Workflow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from runner.ground.errors import InvalidWorkflow, Problem, TooManyProblems
from runner.language.source import Source
from runner.workflow.compiler.bodies import ROOT_NAMES, Kinds, name_trouble
from runner.workflow.compiler.compilation import Compilation
from runner.workflow.compiler.files import PATTERN, DiskFiles, RecordedFiles, content_hash, shown_as
from runner.workflow.compiler.notes import Notes
from runner.workflow.compiler.reader import NodeReader, parse_duration
from runner.workflow.model import Loaded

__all__ = [
    "ROOT_NAMES",
    "DiskFiles",
    "Kinds",
    "NodeReader",
    "Notes",
    "RecordedFiles",
    "compile_file",
    "in_file_order",
    "name_trouble",
    "parse_duration",
    "shown_as",
]


def compile_file(
    path: str,
    kinds: Kinds,
    files: DiskFiles | RecordedFiles,
    agents: Mapping[str, str] | None = None,
    python: Iterable[str] = (),
) -> tuple[Loaded, list[Problem]]:
    """Read, check and compile a workflow (a path, or `pattern:name`) with all that it calls.

    What is wrong with it is listed; whatever it is, something stands in its place.
    `agents` names files, by absolute path, whose agents take the place of the root file's agents of these names.
    `python` are Python files that tools may import beside those that the root file lists.
    Raises InvalidWorkflow when too little of it can be read. What analysis can prove comes after this.
    """
    key = path if path.startswith(PATTERN) else str(Path(path).absolute())
    compilation = Compilation(files, kinds, key, agents or {}, tuple(python))
    with contextlib.suppress(TooManyProblems):
        compilation.workflow(key)
    if key not in compilation.library:
        raise InvalidWorkflow(in_file_order(compilation.problems, compilation.sources))
    loaded = Loaded(compilation.library[key], files.texts, content_hash(files.texts, key), compilation.sources)
    return loaded, compilation.problems


def in_file_order(problems: Iterable[Problem], sources: Mapping[str, Source]) -> list[Problem]:
    """The problems of a load, each once, the root file's first."""
    files = {source.file: position for position, source in enumerate(sources.values())}

    def order(problem: Problem) -> tuple[int, int, int]:
        place = problem.place
        return (files.get(place.file, len(files)), place.line, place.column) if place is not None else (0, 0, 0)

    return sorted(dict.fromkeys(problems), key=order)
