"""Imports for a Python tool, by `python_host.py`: what is not installed comes from the recorded texts, not the disk."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder, PathEntryFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, all_suffixes
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType


def serve(file: str, texts: dict[str, str]) -> Callable[[str, str], ModuleSpec | None]:
    """From now on, the neighbours of the tool in `file` are imported from `texts`, by absolute path.

    What is given back says, of a name and one of these paths, how that is loaded.

    Python looks for a module as it always does: first in the tool's folder, then where packages are installed. Only the
    entries of its search path that are not installed are answered from the texts.
    """
    folder = str(Path(file).parent)
    recorded = _Recorded(texts, folder, [*sys.path])
    sys.path_hooks.insert(0, recorded.entry)
    sys.path_importer_cache.clear()
    finders = sys.meta_path
    finders.insert(finders.index(PathFinder), _Neighbours(folder))
    finders.append(_Missing(recorded))
    for path, text in texts.items():
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)  # for tracebacks
    return recorded.found


class _Recorded:
    """The texts; `installed` are the places where this Python found modules before the tool began."""

    def __init__(self, texts: dict[str, str], folder: str, installed: list[str]) -> None:
        self.texts = texts
        self.folder = folder
        self.start = str(Path.cwd())  # the root file's folder, until the tool goes elsewhere
        self._installed = installed

    def entry(self, place: str) -> _Entry:
        """What finds modules at an entry of a search path. Raises ImportError if it is installed."""
        depth = _depth(place, [self.folder])
        if _depth(place, self._installed) > depth:
            raise ImportError(f"{place} is installed")
        return _Entry(self, place)

    def found(self, fullname: str, path: str, within: list[str] | None = None) -> ModuleSpec | None:
        """How the recorded text at a path is loaded; `within` are the folders of a package."""
        loader = _Loader(fullname, path, self.texts[path])
        return spec_from_file_location(fullname, path, loader=loader, submodule_search_locations=within)

    def has_folder(self, place: str) -> bool:
        return any(path.startswith(f"{place}/") for path in self.texts)


def _depth(place: str, roots: list[str]) -> int:
    """The length of the longest of the roots that a place lies in, or -1."""
    return max((len(root) for root in roots if place == root or place.startswith(f"{root}/")), default=-1)


class _Entry(PathEntryFinder):
    """Finds what was recorded in one folder."""

    def __init__(self, recorded: _Recorded, place: str) -> None:
        self._recorded = recorded
        self._place = place

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module that Python would find in the folder: a package, else a file, else a part of a namespace."""
        place = f"{self._place}/{fullname.rpartition('.')[2]}"
        for path, within in ((f"{place}/__init__.py", [place]), (f"{place}.py", None)):
            if path in self._recorded.texts:
                return self._recorded.found(fullname, path, within)
        if not self._recorded.has_folder(place):
            return None
        part = ModuleSpec(fullname, None, is_package=True)
        part.submodule_search_locations = [place]
        return part


class _Loader(SourceFileLoader):
    """Loads one recorded text as the file that it was; other files of a package are data, and lie on the disk."""

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        """The compiled text: no cache of it is read or written."""
        code: CodeType = compile(self._text, self.path, "exec", dont_inherit=True)
        return code

    def get_source(self, fullname: str) -> str:
        return self._text


class _Neighbours(MetaPathFinder):
    """Looks in the tool's folder before all others; what the standard library has is its own."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or fullname in sys.stdlib_module_names:
            return None
        return PathFinder.find_spec(fullname, [self._folder, *sys.path], target)


class _Missing(MetaPathFinder):
    """Comes last: says why a module that lies on the disk was not found."""

    def __init__(self, recorded: _Recorded) -> None:
        self._recorded = recorded

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError, with the line to add."""
        for place in [self._recorded.folder, *sys.path] if path is None else path:
            for found in _files(f"{place}/{fullname.rpartition('.')[2]}"):
                name = os.path.relpath(found, self._recorded.start)
                said = f"{name} is not recorded with the workflow, so '{fullname}' can't be imported"
                todo = (
                    f"add it: permissions: {{python: [{name}]}}" if found.endswith(".py") else "only .py files can be"
                )
                raise ModuleNotFoundError(f"{said}; {todo}", name=fullname, path=found)
        return None


def _files(place: str) -> list[str]:
    """The files that Python would take for a module of that name."""
    endings = all_suffixes()
    return [
        path for start in (f"{place}/__init__", place) for ending in endings if Path(path := start + ending).is_file()
    ]
