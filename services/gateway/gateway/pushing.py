"""A call that brings rows: evidence before the effect, the effect once, and its batch in the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from common.clock import Clock
from common.keys import Pepper
from gateway.domain import answers, pushes
from gateway.domain.decisions import Output
from gateway.domain.pushes import Push, Result
from gateway.domain.records import Call
from gateway.domain.requests import Headers
from gateway.errors import Code, Trouble, Unavailable
from gateway.providing import begin
from gateway.store.ingest import Ingest
from gateway.store.recording import Recorder

OK: Final = 200
Formed = tuple[int, bytes, bytes]
"""Status, media type, body."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """What calls of write services are answered with."""

    ingest: Ingest
    recorder: Recorder
    evidence: Pepper
    clock: Clock

    async def reply(
        self, call: Call, parameters: dict[str, str], headers: Headers, admit: Callable[[], object]
    ) -> Formed:
        """Check what is asked, commit the beginning, have the rows loaded.

        The grant is read again when the beginning is on record, just before the effect. What was loaded is told even if
        it is taken back after that: nobody learns anything from it but who sent the rows.

        Raises:
            Refused: a check failed, nothing was done.
            Unavailable: `overload`, `trail` before the effect; `store` or `grants` where the ingest is away or has
                another structure of the resource. The rows may be in the store; sent again they find their batch.
        """
        wanted = pushes.wanted(parameters, headers, call.who)
        call.checked_at = self.clock()
        if not self.ingest.free:
            raise Unavailable(Trouble.OVERLOAD)
        await begin(call, self.recorder, self.evidence, self.clock())
        admit()
        service = call.who.service
        assert service is not None
        push = Push(
            call=call.id,
            trace_id=call.trace_id,
            unit=service.provider,
            service=service.code,
            entry=service.entry,
            resource_version=service.resource_version,
            mode=wanted.mode,
            key=wanted.key,
            rows=wanted.rows,
        )
        result = await self.ingest.push(push)
        call.sourced_at = self.clock()
        return self._formed(call, result, wanted.output)

    @staticmethod
    def _formed(call: Call, result: Result, output: Output) -> Formed:
        media = answers.MEDIA[output.format]
        if result.batch is None:
            call.code = Code.VALUE.value
            return OK, media, pushes.refused(result, output)
        call.code, call.batches, call.rows = Code.SUCCESS.value, (result.batch,), result.rows
        return OK, media, pushes.taken(result, output)
