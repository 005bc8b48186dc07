"""Addresses of steps and frames, such as `fan~2/each[3]/review#2`: made, compared and taken apart here alone.

What is inside something stands after `/`. `#2` is the second visit of a node, `[3]` the branch of item 3 of a list, and
`~2` the second attempt of a composite, apart from what the attempt before it had opened. The run itself is ROOT.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ROOT = ""
"""The address of the run itself: a step whose frames are the workflow's bodies, as a called workflow's are."""

OUTPUTS = "outputs"
"""What an entry of a workflow's outputs stands under: its error is told at `outputs.KEY`."""

_ATTEMPT = re.compile(r"~\d+")
_VISIT = re.compile(r"#\d+")
_OWN_VISIT = re.compile(r"#\d+$")
_BELOW = re.compile(r"(?<=.)[/\[]")
_ITEM = re.compile(r"\[\d+\]")
_SEGMENT = re.compile(r"(?P<name>[^#~\[\]]*)(?:#(?P<visit>\d+))?(?:~(?P<attempt>\d+))?(?P<items>(?:\[.*)?)")


class Segment(NamedTuple):
    """What stands between two slashes. A part that the address leaves out is empty; `items` is as written: `[3]~2`."""

    name: str
    visit: str
    attempt: str
    items: str

    @property
    def depth(self) -> int:
        """How many branches of items the segment leads into, one inside the other."""
        return len(_ITEM.findall(self.items))


def segments(address: str) -> list[Segment | None]:
    """The segments of an address; None in the place of what is no segment."""
    found = (_SEGMENT.fullmatch(part) for part in address.split("/"))
    return [Segment(*match.groups(default="")) if match else None for match in found]


def below(place: str, name: str) -> str:
    """What has a name inside a step or frame."""
    place = place.rstrip("/")
    return f"{place}/{name}" if place and name else place or name


def visited(place: str, node: str, visit: int) -> str:
    """A visit of a node in a frame."""
    return below(place, node if visit == 1 else f"{node}#{visit}")


def children_of(step: str, attempt: int) -> str:
    """Where a step's children stand: those of a later attempt apart from those of the first."""
    return step if attempt <= 1 else f"{step}~{attempt}"


def item_of(place: str, key: str) -> str:
    """The branch of an item of a list."""
    return f"{place}[{key}]"


def own_frame(step: str) -> str:
    """The frame of a called workflow's body: it ends in a slash, to be apart from the branch that the step may be."""
    return f"{step}/" if step else ROOT


def numbered(name: str, number: int) -> str:
    """What a composite calls its child of a number: `call#3`."""
    return f"{name}#{number}"


def owner_of(child: str) -> str:
    """The step to which a composite's own child belongs: `triage` of `triage/call#3`; of others the frame around it."""
    return child.rpartition("/")[0]


def without_slash(address: str) -> str:
    """The address of a step, whether or not the slash of its own frame stands behind it."""
    return address.rstrip("/")


def without_attempts(address: str) -> str:
    """An address as it is in the first attempt of the composites around it: `fan/scan` of `fan~2/scan`."""
    return _ATTEMPT.sub("", address)


def first_visit(address: str) -> str:
    """The address of the first visit of a step's own node, in the same frame: `p#2/ask` of `p#2/ask#3`."""
    return _OWN_VISIT.sub("", address)


def any_visit(address: str) -> str:
    """The address of a step where every node in it is visited for the first time: `p/ask` of `p#2/ask#3`."""
    return _VISIT.sub("", address)


def is_inside(address: str, other: str) -> bool:
    """Whether a step is another, or below it."""
    return address == other or address.startswith((f"{other}/", f"{other}[", f"{other}~"))


def places_to(address: str) -> list[str]:
    """An address after all that it is below: `each`, `each[3]`, `each[3]/work`."""
    return [*(address[: found.start()] for found in _BELOW.finditer(address)), address]
