"""Tokens as the register signs them, for tests that let the register out: minted with the installation's own key."""

import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from common.auth import ALGORITHM, ISSUER, MAX_LIFETIME
from common.roles import Role
from tests.support.installation import Installation


def signing_key(installation: Installation) -> OKPKey:
    """The installation's key with the id that the register gives it."""
    return _named(installation.secrets.signing_key)


@cache
def _named(signing_key_json: str) -> OKPKey:
    key = OKPKey.import_key(json.loads(signing_key_json))
    return OKPKey.import_key(key.as_dict(private=True), {"kid": key.thumbprint(), "use": "sig"})


def trust(app: FastAPI, installation: Installation) -> None:
    """Let an application know the public half, so that it need not ask a register that is not there."""
    public = OKPKey.import_key(signing_key(installation).as_dict(private=False))
    app.state.verifier.trust(KeySet([public]))


def mint(
    installation: Installation,
    *,
    account: str,
    unit: str,
    roles: frozenset[Role],
    audience: str,
    claims: Mapping[str, Any] | None = None,
) -> str:
    """A token of this account for one service, good for ten minutes from now; `claims` replaces what it says."""
    key = signing_key(installation)
    issued = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": audience,
        "sub": account,
        "unit": unit,
        "roles": sorted(roles),
        "iat": issued,
        "exp": issued + MAX_LIFETIME,
        "jti": str(uuid4()),
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, said | dict(claims or {}), key, algorithms=[ALGORITHM])


def claims_of(installation: Installation, token: str) -> dict[str, Any]:
    """What a token says, its signature checked and its time not: a test's clock may show another day."""
    public = OKPKey.import_key(signing_key(installation).as_dict(private=False))
    return jwt.decode(token, public, algorithms=[ALGORITHM]).claims
