"""What the catalogue refuses."""

from common.errors import Conflict, Forbidden, Invalid, NotFound


class EntryUnknown(NotFound):
    code = "entry-unknown"

    def __init__(self, entry: str) -> None:
        super().__init__("没有这个目录条目", entry=entry)


class EntryState(Conflict):
    """The entry, or its draft, is in a state that does not allow this."""

    code = "entry-state"


class StaleRevision(Conflict):
    """Somebody else changed it meanwhile."""

    code = "stale-revision"


class BasisMissing(Invalid):
    """The type needs its reason and its basis in law (2019§14, 2021§14)."""

    code = "basis-missing"


class CodeSetUnknown(NotFound):
    code = "code-set-unknown"


class RuleUnfit(Invalid):
    """A rule of quality does not go with the items, or cannot be run."""

    code = "rule-unfit"


class StandardUnfit(Invalid):
    """An item is not as the standard field that it names (Annex 3 §3, REQ-A7)."""

    code = "standard-unfit"


class NotSeparated(Forbidden):
    """The one who compiled may not do this (REQ-U2)."""

    code = "not-separated"


class OpinionMissing(Invalid):
    code = "opinion-missing"


class ReasonMissing(Invalid):
    """A service that others use is stopped or ended with the reason (2019§21, 2021§20; REQ-R2)."""

    code = "reason-missing"


class ServiceUnknown(NotFound):
    code = "service-unknown"


class ServiceTaken(Conflict):
    """The code is, or once was, another service's; codes are never given again."""

    code = "service-taken"


class ServiceState(Conflict):
    code = "service-state"


class ServiceUnfit(Invalid):
    """The service does not fit the items of its resource."""

    code = "service-unfit"


class InterfaceUnfit(Invalid):
    """The registration of a provider's interface does not fit the service, or leads where none may live."""

    code = "interface-unfit"


class UnitNotActive(Forbidden):
    code = "unit-not-active"
