"""What the tests of the tools share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.tools.performing import Notices
from tests.world.tools.serving import Calls


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[Notices]:
    notices = Notices(tmp_path)
    yield notices
    notices.close()


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)
