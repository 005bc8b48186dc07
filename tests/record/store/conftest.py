"""The stores that every test of the contract runs against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import astuple

from runner.record.store.contract import Store
from runner.record.store.form import Codec, Compression, Form
from runner.record.store.sqlite import memory_store, open_store
from tests.record.store.samples import DEFINITION

Opener = Callable[[], Store]


FORMS = [Form(*form) for form in product(get_args(Codec), get_args(Compression))]
"""Every way of writing rows; the plain one first."""


PLACES = [*product(["sqlite"], FORMS), *product(["memory"], [FORMS[0], FORMS[-1]])]


@pytest.fixture(params=PLACES, ids=lambda made: f"{made[0]}-{'-'.join(astuple(made[1]))}")
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store once more, as another process would."""
    place, form = request.param
    opened = [memory_store(form)] if place == "memory" else []

    def open_one() -> Store:
        if place == "memory":
            return opened[0]
        opened.append(open_store(tmp_path / "wf.db", durability="normal", form=form))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(another: Opener) -> Store:
    """A store that holds a definition and no run."""
    fresh = another()
    fresh.save_definition(DEFINITION)
    return fresh
