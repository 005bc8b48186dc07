"""Every template ends, within fixed bounds of work, text, depth and memory."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import pytest

from runner.ground.clock import SystemClock
from runner.ground.errors import TemplateError
from runner.language.template import compile_template, program
from runner.language.template.budget import MAX_SECONDS, MAX_TEXT, MAX_WORK, Budget
from tests.clock import FixedClock
from tests.project import ROOT

SCOPE: dict[str, Any] = {
    "big": "x" * (MAX_TEXT - 1),
    "numbers": list(range(MAX_WORK // 2)),
    "words": [f"word{number}" for number in range(100_000)],
}

PAIRS = (
    "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}"
)
TUPLES = "{% set n = namespace(x=(1, 2)) %}{% for i in range(60) %}{% set n.x = (n.x, n.x) %}{% endfor %}"

BUSY = [
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) if false %}{% endfor %}{% endfor %}",
    "{% for i in numbers %}{% for j in numbers %}x{% endfor %}{% endfor %}",
    "{% for x in range(10) recursive %}{{ loop(range(10)) }}{% endfor %}",
    "{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(35) }}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) ~ m(n - 1) }}{% endif %}x{% endmacro %}{{ m(35) }}",
    "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
    "{% set n = namespace(x='ab') %}{% for i in range(1000) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "{% set n = namespace(x=[1]) %}{% for i in range(1000) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x=[1]) %}{% for i in range(1000) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "{% set n = namespace(x=[]) %}{% for i in range(10000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x == [] }}{{ n.x }}",
    PAIRS + "{% endfor %}{{ n.x == n.y }}",
    PAIRS + "{% endfor %}{{ n.x in [n.y] }}",
    PAIRS + "{% endfor %}{{ n.x | tojson }}",
    PAIRS + "{% endfor %}{{ n.x | tojson(indent=8) }}",
    PAIRS + "{% endfor %}{{ [n.x] | unique }}",
    TUPLES + "{{ {n.x: 1} }}",
    TUPLES + "{{ big[n.x] }}",
    TUPLES + "{{ {}[n.x] }}",
    TUPLES + "{{ '%s' % n.x }}",
    TUPLES + "{{ n.x | sum(start=[]) }}",
    TUPLES + "{{ n.x ~ '' }}",
    "{% for i in range(100000) %}{{ -1 in numbers }}{% endfor %}",
    "{% for i in range(100000) %}{{ 'y' in big }}{% endfor %}",
    "{% for i in range(100000) %}{{ big == big ~ '' }}{% endfor %}",
    "{% for i in range(100000) %}{{ numbers[::-1] | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ big }}{% endfor %}",
    "{% for i in range(100000) %}{% set x %}{{ big }}{% endset %}{% endfor %}",
    "{% for i in range(100000) %}{% filter upper %}{{ big }}{% endfilter %}{% endfor %}",
    "{% macro m() %}{% endmacro %}{% for i in range(100000) %}{{ m(*numbers) }}{% endfor %}",
    "{% for x in [1] %}" * 19 + "{% endfor %}" * 19,
]

LARGE = [
    "{{ 9**(9**9) }}",
    "{{ 9**9**9**9 }}",
    "{{ 2**63 }}",
    "{{ 9223372036854775807 + 1 }}",
    "{{ 10.0**400 }}",
    "{{ 1e308 * 10 }}",
    "{{ 'a'*10**9 }}",
    "{{ 10**9*'a' }}",
    "{{ ['a']*10**9 }}",
    "{{ big ~ big }}",
    "{{ big + big }}",
    "{{ [numbers] * 1000 }}",
    "{{ [big] * 1000 }}",
    "{{ numbers + numbers + numbers }}",
    "{{ range(10**9) }}",
    "{{ range(0, 10**18) | length }}",
    "{{ big.replace('x', 'xy') }}",
    "{{ 'abc'.replace('', big) }}",
    "{{ big | replace('', 'ab') }}",
    "{{ big | indent(big) }}",
    "{{ 'a' | indent(10000000) }}",
    "{{ 'a' | center(10000000) }}",
    "{{ 'a'.ljust(10000000) }}{{ 'a'.zfill(10000000) }}",
    "{{ '%10000000d' % 1 }}",
    "{{ '%.10000000f' % 1 }}",
    "{{ '%*d' % (10000000, 1) }}",
    "{{ '%999d' * 100000 % numbers }}",
    "{{ '{:>10000000}'.format(1) }}",
    "{{ big.split('x') }}",
    "{{ big | list }}",
    "{{ big | wordwrap(1) }}",
    "{{ big.strip(big) }}",
    "{{ big.startswith([big, big, big, big]) }}",
    "{{ big | escape | escape | escape | escape | escape }}",
    "{{ words | join(big) }}",
    "{{ words | map('center', 1000000) | list }}",
    "{{ ([big] * 1000) | map('upper') | list }}",
    "{{ ([words] * 1000) | map('sort') | list }}",
    "{{ numbers | sort | sort | sort }}",
    "{{ numbers | batch(1) }}",
    "{{ [1] | batch(10**9, 'x') }}",
    "{{ [1] | slice(10**9, 'x') }}",
    "{{ words | sum(start='') }}",
    "{% for i in range(100000) %}" + "y" * 500_000 + "{% endfor %}",
    "{% macro m() %}" + "y" * 500_000 + "{% endmacro %}{% for i in range(100000) %}{% set x = m() %}{% endfor %}",
    "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    "{{ " + "[" * 500 + "]" * 500 + " }}",
    "{{ " + "+".join(["1"] * 5000) + " }}",
    "{{ " + "-" * 5000 + "1 }}",
    "{{ " + "9" * 5000 + " }}",
    "{{ '\\ud800' }}",
    "{% if true %}" * 100 + "{% endif %}" * 100,
    "{{ a }}{% if b %}{% endif %}" * 5_000,
    "{{ a }}{% if b %}{% endif %}" * 50_000,
    "{{" * 100_000,
    "{#" * 100_000,
    "{% raw %}" * 100_000,
]


def shortened(source: str) -> str:
    return source if len(source) < 60 else f"{source[:20]} …{len(source)}… {source[-30:]}"


@pytest.mark.parametrize("source", [*BUSY, *LARGE], ids=shortened)
def test_a_hostile_template_ends_in_an_error_also_where_no_clock_runs(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "monotonic", lambda _: 0.0)
    monkeypatch.setattr(program, "guarded", nullcontext)
    with pytest.raises(TemplateError):
        compile_template(source).render(SCOPE)


def test_templates_that_ask_for_memory_stay_within_a_gigabyte() -> None:
    script = """
import resource
from tests.language.template.test_bounds import LARGE, SCOPE
from runner.ground.errors import TemplateError
from runner.language.template import compile_template, program
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
for source in LARGE:
    try:
        compile_template(source).render(SCOPE)
    except TemplateError as error:
        assert "memory" not in error.message, source
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in numbers[:5000] %}{{ loop.index }}: {{ i * 2 }}, {% endfor %}",
        "{{ words | map('upper') | join(', ') }}",
        "{{ words[:20000] | sort(reverse=true) | tojson }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(30) }}",
        "{{ big[:500000] | wordwrap(1) | length }}",
        "{{ words[:50000] | join(' ') | wordwrap(1000000) | length }}",
        "{{ numbers }}",
        "{{ big }}",
        "{{ big ~ '' }}",
        "{% if true %}" * 50 + "{% endif %}" * 50,
        "{{ " + "+".join(["1"] * 50) + " }}",
    ],
    ids=shortened,
)
def test_large_but_honest_templates_are_rendered(source: str) -> None:
    compile_template(source).render(SCOPE)


def test_a_value_that_is_passed_on_whole_has_no_bound() -> None:
    large = {"text": "x" * (2 * MAX_TEXT), "list": [0] * (2 * MAX_WORK)}
    assert compile_template("{{ large }}").render({"large": large}) == large
    assert compile_template("{{ large.text }}").render({"large": large}) == large["text"]
    with pytest.raises(TemplateError, match="a text of more than"):
        compile_template("{{ large.text }}!").render({"large": large})


def test_time_is_the_bound_behind_the_count_of_work() -> None:
    clock = FixedClock()
    budget = Budget(clock=clock)
    budget.spend(10_000)
    clock.move(MAX_SECONDS + 1)
    with pytest.raises(TemplateError, match=f"took more than {MAX_SECONDS:g} second"):
        budget.spend(10_000)
