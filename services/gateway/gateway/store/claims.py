"""How often one may guess: different claims about one identity, per unit and day (`gateway-protocol`, verification).

Whoever may ask whether a value is true could find the value by asking often enough. Keyed hashes alone are kept.
"""

from typing import Final

from gateway.errors import Code, Refused
from gateway.store.link import Link
from gateway.store.together import Together

MOST: Final = 5
"""Different sets of claims about one identity that a unit may make on one day."""
_WITHIN: Final = 2.0
_FORGET_EVERY: Final = 3600.0
_ADMIT: Final = """
select n, admit_claims(unit, identity, claims, $4) as found
from unnest($1::text[], $2::text[], $3::text[]) with ordinality c(unit, identity, claims, n)
"""
_FORGET: Final = "delete from claim where day < (clock_timestamp() at time zone 'Asia/Shanghai')::date"


class Claims:
    """The counts of all replicas."""

    def __init__(self, url: str) -> None:
        # What a crash of the database forgets of the last instant helps nobody who cannot crash it at will.
        link = Link(url, "gateway claims", within=_WITHIN, settings={"synchronous_commit": "off"})
        self._together = Together(link, _ADMIT, MOST, by=tuple, clean=_FORGET, clean_every=_FORGET_EVERY)

    async def stop(self) -> None:
        await self._together.stop()

    async def admit(self, unit: str, identity: str, claims: str) -> None:
        """Note a set of claims about an identity, both as keyed hashes.

        Raises:
            Refused: 207, too many different ones today.
            Unavailable: they cannot be counted.
        """
        if not await self._together.ask((unit, identity, claims)):
            raise Refused(Code.QUOTA)
