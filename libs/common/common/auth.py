"""Who calls: registry tokens (EdDSA, one audience, at most ten minutes), verified against the registry's public keys.

Keys are fetched once, and again only for a key id that is not known, so that the registry's absence stops nobody who
holds a valid token.
"""

import asyncio
import time
from typing import Any, Final

import httpx2
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from common.errors import Unauthenticated, Unwell
from common.roles import Caller, caller_of

ALGORITHM: Final = "Ed25519"
"""EdDSA with Ed25519 by its full name (RFC 9864)."""
ISSUER: Final = "registry"
MAX_LIFETIME: Final = 600
"""Seconds that a token lives at most."""
LEASE: Final = 60
"""Seconds of a lease of freshness: what was confirmed longer ago is not relied on. `GET /changes` also hears a service
whose token ended less than this ago, so that an outage of the register alone stops nothing."""
_LEEWAY: Final = 5
_REFETCH_AFTER: Final = 10.0
_TIMEOUT: Final = 5.0


class Verifier:
    """Verifies tokens for one audience."""

    def __init__(self, registry_url: str, audience: str) -> None:
        self._url = registry_url.rstrip("/") + "/.well-known/jwks.json"
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
        )
        self._keys = KeySet([])
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    def trust(self, keys: KeySet) -> None:
        """Take keys that need not be fetched: the registry knows its own."""
        self._keys = keys

    async def caller(self, token: str, *, late: int = 0) -> Caller:
        """The caller of a token, which may have ended less than `late` seconds ago.

        Raises:
            Unauthenticated: the token is malformed, not for us, expired, or not signed by the registry.
            Unwell: the registry's keys are not known yet and it does not answer.
        """
        try:
            kid = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError):
            kid = None
        if not isinstance(kid, str):
            raise Unauthenticated("令牌无效，请重新登录")
        if kid not in {key.kid for key in self._keys.keys}:
            await self._fetch()
        try:
            claims = jwt.decode(token, self._keys, algorithms=[ALGORITHM]).claims
            self._claims.validate(_lasting(claims, late))
        except (JoseError, ValueError):
            raise Unauthenticated("令牌无效或已过期，请重新登录") from None
        if claims["exp"] - claims["iat"] > MAX_LIFETIME:
            raise Unauthenticated("令牌有效期超过上限")
        return caller_of(claims)

    async def _fetch(self) -> None:
        async with self._fetching:
            if time.monotonic() - self._fetched_at < _REFETCH_AFTER:
                return
            try:
                async with httpx2.AsyncClient(timeout=_TIMEOUT) as client:
                    answer = await client.get(self._url)
                answer.raise_for_status()
                self._keys = KeySet.import_key_set(answer.json())
            except (httpx2.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
                # Away, or something else answers in its place: no key that is known is given up for it.
                if not self._keys.keys:
                    raise Unwell("registry") from error
            self._fetched_at = time.monotonic()


def _lasting(claims: dict[str, Any], late: int) -> dict[str, Any]:
    """The claims of a token that ends so much later, leeway included; an end that is no number stays what it is."""
    ends = claims.get("exp")
    return {**claims, "exp": ends + late - _LEEWAY} if late and isinstance(ends, int | float) else claims
