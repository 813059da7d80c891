"""Signed requests are of now and come once, whichever replica they come to: both decided by the database (FAULT-28).

A replica whose clock is wrong neither takes what is old nor refuses what is of now, for the age of a signature is taken
by the database's clock when its nonce is written; the nonce is kept twice as long as a signature can be taken.
"""

import hashlib
from operator import itemgetter
from typing import Final

from gateway.domain.signatures import MAX_AGE, SKEW, Fault, Signature
from gateway.store.link import Link
from gateway.store.together import Together

_WITHIN: Final = 2.0
_CLEAN_EVERY: Final = 60.0
_OK: Final = "ok"
_ADMIT: Final = """
select n, admit_signature(digest, created, expires, $4, $5) as found
from unnest($1::bytea[], $2::bigint[], $3::bigint[]) with ordinality c(digest, created, expires, n)
"""
_CLEAN: Final = """
delete from signature_nonce where digest in (
    select digest from signature_nonce where until < clock_timestamp() order by until limit 10000 for update skip locked
)
"""


class Nonces:
    """Those of all replicas."""

    def __init__(self, url: str) -> None:
        link = Link(url, "gateway nonces", within=_WITHIN)
        # By the digest alone: what stands behind it may be null.
        self._together = Together(link, _ADMIT, MAX_AGE, SKEW, by=itemgetter(0), clean=_CLEAN, clean_every=_CLEAN_EVERY)

    async def stop(self) -> None:
        await self._together.stop()

    async def take(self, signature: Signature) -> Fault | None:
        """Use up the nonce of a signature that is right; why it cannot be, if it cannot.

        Raises:
            Unavailable: the database cannot say; the nonce may have been used up.
        """
        digest = hashlib.sha256(f"{signature.key}\0{signature.nonce}".encode()).digest()
        found = await self._together.ask((digest, signature.created, signature.expires))
        return None if found == _OK else Fault(found)
