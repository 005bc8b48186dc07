"""Which hosts may be asked: a list of names, addresses and domains, each for all ports or for one. Nothing is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv6Address, ip_address

import msgspec

PORTS = {"http": 80, "https": 443}
"""The schemes of addresses that may be asked, each with the port that it means."""

ANY_BELOW = "*."
"""Begins an entry that stands for all hosts of a domain, not for that domain itself."""

_OF_THE_CONNECTION = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}
)

_AUTHORITY = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#\\]*)", re.IGNORECASE)
_PORT = re.compile(r"(.*?)(?::(\d{1,5}))?", re.DOTALL)


class Host(msgspec.Struct, frozen=True):
    """A host by its name or address, and a port of it; None stands for any."""

    name: str
    port: int | None = None

    def __str__(self) -> str:
        return self.name_in_brackets if self.port is None else f"{self.name_in_brackets}:{self.port}"

    @property
    def entry(self) -> str:
        """How a list may name it: with its port, unless that is one that every server of the web has."""
        return self.name_in_brackets if self.port in PORTS.values() else str(self)

    @property
    def name_in_brackets(self) -> str:
        """The name or address as it stands before a port."""
        return f"[{self.name}]" if ":" in self.name else self.name

    def shared_with(self, other: Host) -> Host | None:
        """What both stand for, if there is anything."""
        ports = {self.port, other.port} - {None}
        name = self.name if _is_within(self.name, other.name) else other.name
        if len(ports) > 1 or not (_is_within(name, self.name) and _is_within(name, other.name)):
            return None
        return Host(name, next(iter(ports), None))


def _is_within(name: str, other: str) -> bool:
    """Whether all hosts of a name are among those of another."""
    if not other.startswith(ANY_BELOW):
        return name == other
    return name == other or (name.endswith(other[1:]) and name != other[1:])


def host_of(text: str) -> Host:
    """A host as it is written in a list or in an address: `shop.example`, `*.example:443`, `[::1]:80`, `::1`."""
    found = None if text.count(":") > 1 and not text.startswith("[") else _PORT.fullmatch(text)
    name, port = (found[1], found[2]) if found else (text, None)
    return Host(plain_name(name), int(port) if port else None)


def plain_name(name: str) -> str:
    """A host's name in small letters, or its address as it is usually written: by it, hosts are compared."""
    plain = name.removeprefix("[").removesuffix("]").lower().removesuffix(".")
    try:
        address = ip_address(plain)
    except ValueError:
        return plain
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_listed(host: Host, entries: Iterable[str]) -> bool:
    """Whether a host is one of those that `permissions.network` lists."""
    return any(host_of(entry).shared_with(host) == host for entry in entries)


def common_hosts(first: Collection[str], second: Collection[str]) -> frozenset[str]:
    """The entries that stand for what both lists allow: of a domain and a host in it, the host; of all ports, one."""
    pairs = ((host_of(one), host_of(other)) for one in first for other in second)
    return frozenset(str(shared) for one, other in pairs if (shared := one.shared_with(other)) is not None)


class Authority(msgspec.Struct, frozen=True):
    """What an address says before its path: the scheme, and all that stands between `//` and the path."""

    scheme: str
    written: str

    @property
    def host(self) -> Host:
        """The host, with the port that is asked."""
        host = host_of(self.written.rpartition("@")[2])
        return Host(host.name, host.port or PORTS.get(self.scheme))


def authority_of(text: str, *, goes_on: bool = False) -> Authority | None:
    """The beginning of an address, if it is one. `goes_on`: what follows the text may belong to it."""
    found = _AUTHORITY.match(text)
    if found is None or (goes_on and found.end() == len(text)):
        return None
    return Authority(found[1].lower(), found[2])


def is_of_the_connection(header: str) -> bool:
    """Whether a header says how a request is sent, which is not for a file to say."""
    return header.lower() in _OF_THE_CONNECTION or header.lower().startswith("proxy-")
