"""A file and all that it refers to, as one checked Workflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.compiler.bodies import Builders
from runner.compiler.compilation import Compilation
from runner.compiler.files import PATTERN, DiskFiles, Files, RecordedFiles, content_hash
from runner.compiler.reader import NodeReader, parse_duration
from runner.errors import InvalidWorkflow, Problem
from runner.model import Loaded

__all__ = ["DiskFiles", "Files", "NodeReader", "RecordedFiles", "compile_file", "parse_duration"]


def compile_file(
    path: str, builders: Builders, files: DiskFiles | RecordedFiles, agents: Mapping[str, str] | None = None
) -> Loaded:
    """Read, check and compile a workflow (a path, or `pattern:name`) with all that it calls.

    `agents` names files, by absolute path, whose agents take the place of the root file's agents of these names.
    Raises InvalidWorkflow with every problem found, in file order. What analysis can prove comes after this.
    """
    key = path if path.startswith(PATTERN) else str(Path(path).absolute())
    compilation = Compilation(files, builders, key, agents or {})
    compilation.workflow(key)
    if compilation.problems:
        raise InvalidWorkflow(in_file_order(compilation))
    return Loaded(compilation.library[key], files.texts, content_hash(files.texts, key), compilation.sources)


def in_file_order(compilation: Compilation) -> list[Problem]:
    """The problems of a load, each once, the root file's first."""
    order = {source.file: position for position, source in enumerate(compilation.sources.values())}
    unique = dict.fromkeys(compilation.problems)
    return sorted(
        unique,
        key=lambda problem: (
            (order.get(problem.place.file, 0), problem.place.line, problem.place.column) if problem.place else (0, 0, 0)
        ),
    )
