"""A call answered by a provider's own interface: evidence before the effect, then the granted items alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from common import log
from common.clock import Clock
from common.events import RecordKind
from common.keys import Pepper
from gateway.domain import provided, records
from gateway.domain.decisions import Plan
from gateway.domain.outside import Outside
from gateway.domain.records import Call
from gateway.errors import ProviderFault, Trouble, Unavailable
from gateway.provider import Providers, apart
from gateway.store.reading import Rows
from gateway.store.recording import Recorder

MANY: Final = 200
"""Records from which a page is made in a thread."""
NOT_YET: Final = 0
"""The status of a call that has only begun."""
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Provided:
    """What calls of providers' interfaces are answered with."""

    providers: Providers
    recorder: Recorder
    evidence: Pepper
    clock: Clock

    async def rows(self, call: Call, plan: Plan) -> Rows:
        """The rows of a page; asked of the provider once in a call, however often the call is decided.

        Raises:
            Unavailable: `provider` for whatever is wrong with its interface or its answer; `trail` without evidence.
        """
        service = call.who.service
        assert service is not None
        try:
            if call.outside is None:
                await self._ask(call, plan)
            held = call.outside
            assert held is not None
            large = held.records is not None and len(held.records) > MANY
            return await apart(large, lambda: self._page(call, plan))
        except ProviderFault as failed:
            _log.warning("gateway.provider_failed", service=service.code, fault=failed.fault.value, call=str(call.id))
            raise

    async def _ask(self, call: Call, plan: Plan) -> None:
        service = call.who.service
        assert service is not None
        assert service.interface is not None
        interface = service.interface
        names = plan.template.filters
        values = dict(zip(names, plan.values, strict=False))
        async with self.providers.turn(service.provider, interface) as turn:
            await begin(call, self.recorder, self.evidence, self.clock())
            tree = await turn.ask(values, call.trace_id)
            items = service.structure.items
            found = await apart(turn.large, lambda: provided.records(interface, items, tree))
        assert call.outside is not None
        call.outside.structure = service.structure
        call.outside.interface = interface
        call.outside.records = found

    def _page(self, call: Call, plan: Plan) -> Rows:
        service, outside = call.who.service, call.outside
        assert service is not None
        assert outside is not None
        if outside.records is None or service.interface is None or outside.structure is not service.structure:
            # The service became another one while it was asked.
            raise Unavailable(Trouble.GRANTS)
        assert outside.interface is not None
        matching = provided.matching(outside.interface, plan, outside.records)
        outside.total = len(matching)
        paging = plan.paging
        if plan.output.single or plan.template.claimed:
            skip, limit = 0, 2
        else:
            skip, limit = paging.skip, paging.limit
        page = provided.ordered(matching, service.structure.key, paging.order)[skip : skip + limit]
        return Rows([provided.row(plan, record) for record in page], (), None)


async def begin(call: Call, recorder: Recorder, evidence: Pepper, at: datetime) -> None:
    """Commit the evidence that something outside is about to be done.

    Raises:
        Unavailable: no commit in time; it may still come, so the call is ended on record all the same.
    """
    made = as_kind(RecordKind.BEGIN, records.record(call, None, evidence, at))
    committed = recorder.record(made)
    call.outside = Outside()
    await committed


def as_kind(kind: RecordKind, record: bytes) -> bytes:
    """A call's record as that of its beginning or of its end; only an end is charged, so that none counts twice."""
    told = orjson.loads(record)
    told["kind"] = kind.value
    if kind is RecordKind.BEGIN:
        told |= {"status": NOT_YET, "code": "", "charged": None}
    return orjson.dumps(told)
