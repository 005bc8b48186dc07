"""The gate of the network: where a connection may be made to, by a host's name and by the address that it leads to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import msgspec

from runner.record.gates import Gate
from runner.workflow.hosts import Host, is_listed
from runner.workflow.permission_hints import address_to_allow, host_refused
from runner.workflow.permissions import Permissions
from runner.world.tools.refusal import Refusal

LOCALHOST = "localhost"

_GLOBAL = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""Addresses that a network with IPv6 alone has for those of IPv4: their last four bytes (RFC 6052)."""

Address = IPv4Address | IPv6Address


class NetworkGate(msgspec.Struct, frozen=True):
    """What lets connections through. `passed` notes each that it has let through."""

    permissions: Permissions
    passed: Callable[[Gate], None]

    async def addresses(self, host: Host) -> list[str]:
        """The addresses of a host that may be connected to, in the order in which they are tried. Raises Refusal.

        They are looked up here, and connected to as they are: a name that leads elsewhere a moment later gains nothing.
        """
        if not self.permissions.permit(lambda one: is_listed(host, one.network)):
            raise Refusal("permission_denied", host_refused(host, self.permissions), host=host.entry)
        found = await _looked_up(host)
        allowed = [address for address in found if may_connect(address, host, self.permissions)]
        if not allowed:
            raise _inner(host, found[0], self.permissions)
        self.passed(Gate("http", host.entry, host=allowed[0]))
        return allowed


def may_connect(address: str, host: Host, permissions: Permissions) -> bool:
    """Whether a host may be reached at an address: a public one, or one that is listed itself; none that is denied.

    `localhost` means this machine and nothing else.
    """
    meant = ip_address(address)
    there = Host(str(_unwrapped(meant)), host.port)
    if permissions.deny(lambda one: is_listed(there, one.network)):
        return False
    if is_listed(there, permissions.network):
        return True
    return meant.is_loopback if host.name == LOCALHOST else is_public(meant)


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet: not of this machine, of an inner network, or of a special use."""
    plain = _unwrapped(address)
    if isinstance(plain, IPv6Address) and plain not in _GLOBAL:
        return False
    carried = plain.sixtofour if isinstance(plain, IPv6Address) else None
    return plain.is_global and not plain.is_multicast and (carried is None or is_public(carried))


def _unwrapped(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 stands for, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


async def _looked_up(host: Host) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Refusal("network", f"host '{host.name}' has no address: {reason}", host=host.entry) from error
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def _inner(host: Host, address: str, permissions: Permissions) -> Refusal:
    meant = Host(str(_unwrapped(ip_address(address))), host.port)
    leads = "is" if meant.name == host.name else f"leads to {meant.name},"
    words = f"host '{host.entry}' {leads} an address that is not of the internet: such a one must be listed itself"
    return Refusal("permission_denied", f"{words}; {address_to_allow(meant, permissions)}", host=host.entry)
