"""Definitions that a workflow takes from files of their own: `agents: {triager: {file: shared/triager.yaml}}`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from runner.ground.errors import InvalidWorkflow, Problem
from runner.ground.json_value import Json
from runner.language.schema import stand_in
from runner.language.source import Source
from runner.workflow.compiler.files import Files
from runner.workflow.reach import JsonPath

_SECTIONS = ("schemas", "models", "agents", "tools")
_FILE = "file"


class Shared(msgspec.Struct):
    """What one workflow file in a folder takes from others. `folders` are theirs, by the path of what they hold."""

    files: Files
    folder: str
    folders: dict[JsonPath, str] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)

    def taken_in(self, source: Source, content: Json) -> Source:
        """The file with what others hold in its place; `content` is its data as far as its shape is right."""
        for section, name, reference in _references(content):
            path = str(Path(self.folder, reference).resolve())
            source = self._taken(source, section, name, path)
            self.folders[section, name] = str(Path(path).parent)
        return source

    def _taken(self, source: Source, section: str, name: str, path: str) -> Source:
        """The file with what another holds in the place of one entry."""
        at = (section, name, _FILE)
        try:
            whole = source.with_part(section, name, self.files.source(path))
        except InvalidWorkflow as error:
            self.problems += [replace(one, place=one.place or source.place(at)) for one in error.problems]
            return _without(source, section, name)
        if not _is_reference(whole.data[section][name]):
            return whole
        words = f"{section}.{name}: a shared definition can't name a further file"
        self.problems.append(Problem(words, whole.place(at), "name that file in the workflow itself", rule="reference"))
        return _without(source, section, name)


def _references(content: Json) -> Iterator[tuple[str, str, str]]:
    """The section, the name and the path of each entry that stands in a file of its own."""
    for section in _SECTIONS:
        for name, entry in content.get(section, {}).items():
            if _is_reference(entry):
                yield section, name, entry[_FILE]


def _is_reference(entry: Json) -> bool:
    return isinstance(entry, dict) and entry.keys() == {_FILE}


def _without(source: Source, section: str, name: str) -> Source:
    """The file with something in the place of an entry that can't be read."""
    data = {**source.data, section: {**source.data[section], name: stand_in(section)}}
    return msgspec.structs.replace(source, data=data)
