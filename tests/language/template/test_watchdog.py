"""The last net under renderings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from runner.ground.errors import TemplateError
from runner.language.template import compile_template, program
from runner.language.template.watchdog import Overtime, guarded


def spin() -> None:
    for _ in count():
        pass


def test_code_that_runs_on_is_stopped() -> None:
    with pytest.raises(Overtime), guarded(seconds=0.05):
        spin()


def test_code_that_ends_in_time_is_left_alone() -> None:
    for _ in range(1_000):
        with guarded(seconds=0.05):
            pass
    assert sum(1 for number in range(1_000_000) if number % 2) == 500_000


def test_each_thread_is_watched_on_its_own() -> None:
    stopped = []

    def work(seconds: float) -> None:
        try:
            with guarded(seconds):
                spin()
        except Overtime:
            stopped.append(seconds)

    threads = [threading.Thread(target=work, args=(seconds,)) for seconds in (0.2, 0.1, 0.05)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stopped) == [0.05, 0.1, 0.2]


def test_one_guard_stands_inside_another() -> None:
    with guarded(seconds=60), pytest.raises(Overtime), guarded(seconds=0.05):
        spin()


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in [1] %}{{ x }}{% endfor %}",
        "{% macro m() %}x{% endmacro %}{{ m() }}",
        "{% for x in [] %}{% endfor %}",
    ],
)
def test_a_rendering_that_may_repeat_is_watched(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def out_of_time() -> Iterator[None]:
        yield
        raise Overtime

    monkeypatch.setattr(program, "guarded", out_of_time)
    with pytest.raises(TemplateError, match="the template took more than 1 second"):
        compile_template(source).render({})
