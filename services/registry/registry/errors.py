"""What the register refuses."""

from common.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated


class UnitUnknown(NotFound):
    code = "unit-unknown"

    def __init__(self, unit: str) -> None:
        super().__init__("没有这个单位", unit=unit)


class UnitExists(Conflict):
    code = "unit-exists"


class UnitState(Conflict):
    """The unit is in a state that does not allow this."""

    code = "unit-state"


class PersonUnknown(NotFound):
    code = "person-unknown"


class AccountExists(Conflict):
    code = "account-exists"


class PersonHasAccount(Conflict):
    """An account stands for one person: with a second one, the same person could compile and publish (REQ-U2)."""

    code = "person-has-account"


class AccountUnknown(NotFound):
    code = "account-unknown"


class RoleNotForUnit(Forbidden):
    """The edition gives this role to another body."""

    code = "role-not-for-unit"


class WeakPassword(Invalid):
    code = "weak-password"


class LoginRefused(Unauthenticated):
    """Wrong name or password, or too many attempts: one answer for all, so that nothing can be learnt from it."""

    code = "login-refused"

    def __init__(self) -> None:
        super().__init__("账号或密码不正确，或账号暂时锁定")


class ClientRefused(Unauthenticated):
    """No such client, or not its secret: one answer for both."""

    code = "client-refused"

    def __init__(self) -> None:
        super().__init__("平台服务的凭据不正确")


class TooManyKeys(Conflict):
    code = "too-many-keys"


class KeyUnknown(NotFound):
    code = "key-unknown"


class BadSigningKey(Invalid):
    code = "bad-signing-key"


class BadCertificate(Invalid):
    code = "bad-certificate"


class TooManyProofs(Conflict):
    code = "too-many-proofs"


class ProofKnown(Conflict):
    """The unit has this signing key or certificate, or had the key and withdrew it."""

    code = "proof-known"


class ProofUnknown(NotFound):
    code = "proof-unknown"


class ExchangeStateUnchanged(Conflict):
    code = "exchange-state-unchanged"
