"""A file of the wrong shape made right, so that what else is wrong with it can be found at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from runner.ground.errors import nearest
from runner.ground.json_value import Json
from runner.language.schema import shipped
from runner.language.schema.fault import SchemaFault
from runner.language.schema.foreign import is_foreign
from runner.language.schema.linked import Path
from runner.language.schema.other_names import other_name
from runner.language.schema.owners import at, is_node, path_owner, verbs
from runner.language.schema.shipped import VERBS, verb_keys
from runner.language.source import Source

MOST_ROUNDS = 6
"""How often a file is mended: one mistake may hide another."""

_KEPT = ("id", "needs")
"""Keys of a node that others rely on."""

_TAKEN_OUT = frozenset(
    {
        *("title", "timeout", "retry", "on_crash", "set", "reset", "env", "stdin", "cwd", "ok_exit", "parse"),
        *("tolerate", "cancel_rest", "complete_when", "max_concurrency"),
    }
)
"""Keys of a node without which it leads where it led, and is what it was."""

_STANDING_IN = {"wf": 1, "name": "unknown"}
_MODEL = {"model": "unknown/unknown"}
_SHAPES: Mapping[str, dict[str, Json]] = {
    "state": {"default": None},
    "models": _MODEL,
    "agents": _MODEL,
    "tools": {"python": "unknown.py:unknown"},
}
"""The keys that a declaration can't do without, by section."""


class Unknown(dict[str, Json]):
    """Stands for a node, or for something declared, that can't be read: it is there, and nothing is concluded of it."""


def stand_in(section: str) -> Unknown:
    """What stands for an entry of a section that can't be read."""
    return Unknown(_SHAPES.get(section, {}))


def mended(source: Source, faults: list[SchemaFault]) -> Json:
    """A file's data with what is faulty set right, taken out, or `Unknown`; None when too little would be left.

    A key that has got its right name is found in the source under that as well.
    """
    data = copy.deepcopy(source.data)
    for _ in range(MOST_ROUNDS):
        wrong = [fault for fault in faults if fault.kind != "key"]
        if not wrong:
            return data
        unknown = [fault for fault in wrong if fault.kind == "unknown"]
        misspelt = [fault for fault in unknown if nearest_key(fault, data)]
        for fault in misspelt or unknown:
            _mend_unknown(source, data, fault)
        if not unknown and not all(_mend(data, fault) for fault in wrong):
            return None
        faults = shipped.definition().faults(data)
    return None


def _mend(data: Json, fault: SchemaFault) -> bool:
    """Mend one fault, if what it is about still stands; false when that can't be done."""
    path = fault.where
    if not _is_there(data, path):
        return True
    if fault.kind == "clash":
        del at(data, path)[fault.path[-1]]
        return True
    return _mend_owner(data, path, fault)


def _is_there(data: Json, path: Path) -> bool:
    try:
        at(data, path)
    except (LookupError, TypeError):
        return False
    return True


def _mend_unknown(source: Source, data: Json, fault: SchemaFault) -> None:
    """A misspelt key gets its right name; another is taken out, where it can't have been the node's verb."""
    path = fault.where
    if not _is_there(data, fault.path):
        return
    owner, near = at(data, path), nearest_key(fault, data)
    value = owner.pop(fault.name)
    if near and near not in owner:
        owner[near] = value
        source.alias(path, fault.name, near)
    elif is_node(path, data) and (fault.name in VERBS or not verbs(data, path)):
        _set_unknown(data, path)


def _mend_owner(data: Json, path: Path, fault: SchemaFault) -> bool:
    """Take out what is wrong, or all that it is a part of."""
    owner = path_owner(path, data)
    if owner.is_node:
        key = path[owner.depth] if len(path) > owner.depth else ""
        if key in _TAKEN_OUT:
            del at(data, path[: owner.depth])[key]
        else:
            _set_unknown(data, path[: owner.depth], key)
    elif owner.depth:
        _set_unknown(data, path[: owner.depth])
    elif fault.name in _STANDING_IN:
        data[fault.name] = _STANDING_IN[fault.name]
    elif path[:1] and path[0] in _STANDING_IN:
        data[path[0]] = _STANDING_IN[str(path[0])]
    elif path[:1] and path[0] in ("version", "title", "description", "limits", "defaults"):
        del at(data, path[:2][:-1])[path[:2][-1]]
    else:
        return False
    return True


def _set_unknown(data: Json, path: Path, wrong: str | int = "") -> None:
    """Put Unknown in the place of what is at a path, with the keys of it that are right and that others rely on."""
    found = at(data, path)
    keys = [key for key in _KEPT if key in found and key != wrong] if isinstance(found, dict) else []
    kept = {key: found[key] for key in keys} if is_node(path, data) else stand_in(str(path[0]))
    at(data, path[:-1])[path[-1]] = Unknown(kept)


def nearest_key(fault: SchemaFault, data: Json) -> str:
    """The key that was probably meant instead of an unknown one: on a node without a verb, it may be any verb's."""
    known = list(fault.known)
    where = fault.where
    if is_node(where, data) and not verbs(data, where):
        anywhere = [*VERBS, *(key for verb in VERBS for key in sorted(verb_keys(verb))), "nodes", "steps"]
        known += anywhere if fault.name not in anywhere else []
    if where[:1] == ("tools",) and fault.name != "python":
        known.append("python")
    if meant := other_name(fault.name, fault.known):
        return meant
    near = nearest(fault.name, known)
    if is_foreign(fault.name) and not (near.startswith(fault.name) or fault.name.startswith(near)):
        near = ""
    return near or (known[0] if len(known) == 1 else "")
