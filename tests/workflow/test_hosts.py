"""Which hosts a list allows, and what two lists allow together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.workflow.hosts import Host, authority_of, common_hosts, host_of, is_listed

LABELS = st.sampled_from(["a", "b", "shop"])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
PORTS = st.sampled_from(["", ":80", ":8080"])
ENTRIES = st.frozensets(st.builds("".join, st.tuples(st.sampled_from(["", "*."]), NAMES, PORTS)), max_size=5)
HOSTS = st.builds(Host, NAMES, st.sampled_from([80, 443, 8080]))


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        ("shop.example", ["shop.example", "SHOP.example.", "shop.example:8080"], ["a.shop.example", "example", "shop"]),
        ("shop.example:8080", ["shop.example:8080"], ["shop.example:80", "shop.example:443"]),
        ("*.example", ["a.example", "b.a.example:1"], ["example", ".example", "aexample", "example.com"]),
        ("*.example:80", ["a.example:80"], ["a.example:81"]),
        ("127.0.0.1", ["127.0.0.1:5", "[::ffff:127.0.0.1]:5"], ["2130706433", "127.1", "127.0.0.2"]),
        ("[::1]:80", ["[0:0:0:0:0:0:0:1]:80"], ["[::1]:81", "[::2]:80"]),
        ("::1", ["[::1]", "[::1]:9"], ["127.0.0.1"]),
        ("FE80::A", ["[fe80::a]"], ["[fe80::b]"]),
    ],
)
def test_an_entry_allows_what_it_names(entry: str, allowed: list[str], refused: list[str]) -> None:
    def listed(text: str) -> bool:
        host = host_of(text)
        return is_listed(Host(host.name, host.port or 443), [entry])

    assert [text for text in allowed if not listed(text)] == []
    assert [text for text in refused if listed(text)] == []


@given(ENTRIES, ENTRIES, HOSTS)
def test_two_lists_allow_together_what_each_of_them_does(
    one: frozenset[str], other: frozenset[str], host: Host
) -> None:
    both = is_listed(host, one) and is_listed(host, other)
    assert is_listed(host, common_hosts(one, other)) == both


@pytest.mark.parametrize(
    ("url", "goes_on", "host"),
    [
        ("https://shop.example", False, Host("shop.example", 443)),
        ("https://shop.example", True, None),
        ("https://shop.example/", True, Host("shop.example", 443)),
        ("HTTP://Shop.Example:8080?x", True, Host("shop.example", 8080)),
        ("http://good.example@evil.example/", False, Host("evil.example", 80)),
        ("http://good.example\\@evil.example/", False, Host("good.example", 80)),
        ("http://[::1]:80/", False, Host("::1", 80)),
        ("shop.example/x", False, None),
        ("//shop.example/x", False, None),
    ],
)
def test_the_host_of_an_address_is_known_where_the_text_holds_it_all(
    url: str, goes_on: bool, host: Host | None
) -> None:
    found = authority_of(url, goes_on=goes_on)
    assert (None if found is None else found.host) == host
