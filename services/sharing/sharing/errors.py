"""What sharing refuses."""

from common.errors import Conflict, Forbidden, Invalid, NotFound


class ApplicationUnknown(NotFound):
    code = "application-unknown"

    def __init__(self) -> None:
        super().__init__("没有这个申请")


class ApplicationState(Conflict):
    """The application is in a state that does not allow this."""

    code = "application-state"


class NotApplicable(Invalid):
    """What is asked for cannot be applied for: not published, not shared, not a service of the resource."""

    code = "not-applicable"


class UnitNotActive(Forbidden):
    code = "unit-not-active"


class CommitmentMissing(Invalid):
    """Annex 2: the applicant commits to the security of what it gets."""

    code = "commitment-missing"


class NotYours(Forbidden):
    """Another body decides this, by the edition in force."""

    code = "not-yours-to-decide"


class OwnApplication(Forbidden):
    code = "own-application"


class OpinionMissing(Conflict):
    """The departments concerned have not been heard yet."""

    code = "opinion-missing"


class PapersMissing(Conflict):
    """The edition in force asks for papers on file before the grant."""

    code = "papers-missing"


class BasisMissing(Invalid):
    """A refusal needs its reason and its basis in law, regulation or rule (2019§16, 2021§16)."""

    code = "basis-missing"


class BadTerms(Invalid):
    """The terms of a grant do not fit the application or one another."""

    code = "bad-terms"


class GrantUnknown(NotFound):
    code = "grant-unknown"

    def __init__(self) -> None:
        super().__init__("没有这个授权")


class GrantState(Conflict):
    code = "grant-state"


class ReasonMissing(Invalid):
    """A grant is suspended or revoked with the reason (2019§21, 2021§20; REQ-R2)."""

    code = "reason-missing"


class TooManyKeys(Conflict):
    code = "too-many-keys"


class KeyUnknown(NotFound):
    code = "key-unknown"
