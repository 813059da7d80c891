"""Where a call comes from when a proxy stands before the gateway (IN-G24): whose word about it counts.

What a proxy says of the caller stands in headers, and anybody can write headers: they are believed from the addresses
of the ingress alone, which overwrites what callers write there. Without such addresses they are never believed.
"""

import ipaddress
from collections.abc import Iterable
from typing import Final

from gateway.domain.grants import Network
from gateway.domain.requests import Headers

ADDRESS: Final = b"x-real-ip"
SCHEME: Final = b"x-forwarded-proto"
VERIFY, VERIFIED = b"ssl-client-verify", b"SUCCESS"
SUBJECT: Final = b"ssl-client-subject-dn"
CERTIFICATE: Final = b"ssl-client-cert"
"""As ingress-nginx names them; any other proxy can be told to."""
_MAX_KNOWN: Final = 1024


class Ingress:
    """The networks of the proxies that end TLS before us; with `certificates` they verify client certificates too."""

    def __init__(self, networks: Iterable[Network], *, certificates: bool = False) -> None:
        self._networks = tuple(networks)
        self._certificates = certificates
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def stands_at(self, peer: str) -> bool:
        """Whether this peer is the ingress."""
        known = self._known.get(peer)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            found = _address(peer)
            known = found is not None and any(found in network for network in self._networks)
            self._known[peer] = known
        return known

    def take(self, peer: str, headers: Headers) -> str:
        """The address of whom the ingress serves; the ingress's own where it does not say one.

        An ingress that verifies no certificates lets through what callers write of theirs: that is taken out.
        """
        if not self._certificates:
            headers.pop(VERIFY, None)
        found = _address(headers.get(ADDRESS, b"").decode("latin-1"))
        return peer if found is None else str(found)


def secure(headers: Headers) -> bool:
    """Whether the caller spoke TLS with the ingress."""
    return headers.get(SCHEME, b"").lower() == b"https"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
