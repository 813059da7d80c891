"""Where a provider's interface may live: checked when its address is registered, and again when it is connected to.

A name says nothing about where it leads at the moment of a call, so the address that it resolves to is what decides.
Loopback, link-local and metadata addresses are refused however they are written; only `special` lets one of them in.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""A host's name, whose last part is no number: `127.1` and `0x7f.1` are addresses to a resolver."""
_PRINTABLE: Final = re.compile(r"[!-~]{1,500}")
_NEVER: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers; clouds keep metadata there
            "127.0.0.0/8",
            "169.254.0.0/16",
            "192.0.0.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002::/16",
            "fd00:ec2::254/128",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
"""Loopback, link-local, metadata, multicast, reserved, and forms of IPv6 that carry another address inside."""


class Unreachable(Exception):  # noqa: N818  an address that is refused, not a malfunction
    """An address where no provider may live; the message, for people, says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    scheme: str
    host: str
    """In small letters; an IPv6 address without brackets."""
    port: int

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reach:
    """Networks in which providers live, and the names by which they may be registered. Empty: there is none."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    """Names of hosts, or ends of them with a dot before (`.example.org`)."""
    special: tuple[Network, ...] = ()
    """Networks that are admitted although they hold what is refused everywhere: for a demonstration and for tests."""

    @classmethod
    def of(cls, networks: Iterable[str], hosts: Iterable[str], special: Iterable[str] = ()) -> Self:
        """Raises ValueError if one of the networks is none."""
        return cls(
            tuple(map(ipaddress.ip_network, networks)),
            frozenset(host.lower() for host in hosts),
            tuple(map(ipaddress.ip_network, special)),
        )

    def admits(self, address: Address) -> bool:
        """Whether a provider may live at this address."""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if _within(address, self.special):
            return True
        return not _within(address, _NEVER) and _within(address, self.networks)

    def target(self, url: str) -> Target:
        """Where a URL leads, if it may be registered and called.

        Raises:
            Unreachable: it is no plain http or https URL, or its host is not among those that providers may have.
        """
        found = _target(url)
        try:
            address = ipaddress.ip_address(found.host)
        except ValueError:
            if not self._knows(found.host):
                raise Unreachable("地址的主机不在平台允许的范围内") from None
        else:
            if not self.admits(address):
                raise Unreachable("地址不在平台允许的网段内")
        return found

    def _knows(self, host: str) -> bool:
        parts = host.split(".")
        return host in self.hosts or any("." + ".".join(parts[n:]) in self.hosts for n in range(1, len(parts)))


NOWHERE: Final = Reach()
"""No provider has an interface."""


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _target(url: str) -> Target:
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise Unreachable("地址含有不允许的字符")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Unreachable("地址不是有效的 URL") from None
    if parts.scheme not in PORTS:
        raise Unreachable("地址须以 http:// 或 https:// 开头")
    if "@" in parts.netloc:
        raise Unreachable("地址中不得含有用户名或密码")
    if parts.fragment or "#" in url:
        raise Unreachable("地址中不得含有片段（#）")
    if not host or port == 0 or not (_is_address(host) or _NAME.fullmatch(host)):
        raise Unreachable("地址的主机名不正确")
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port)


def _is_address(host: str) -> bool:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A zone (`fe80::1%eth0`) means another address on each machine.
    return not (isinstance(found, ipaddress.IPv6Address) and found.scope_id)
