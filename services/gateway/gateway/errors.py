"""How a call is refused: the codes of Annex 3 §5.3 with their memos, and what the transport refuses."""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Codes of Annex 3 §5.3, in the order in which they are checked; `1` is success, 500 the platform's own fault."""

    SUCCESS = "1"
    PARAMETERS = "101"
    UNIT_KEY = "201"
    SERVICE = "205"
    METHOD_KEY = "202"
    STOPPED = "208"
    GRANT = "203"
    QUOTA = "207"
    VALUE = "206"
    SEVERAL = "301"
    PLATFORM = "500"


MEMOS: Final = {
    Code.PARAMETERS: "参数错误或无参数",
    Code.UNIT_KEY: "unitKey 错误",
    Code.SERVICE: "服务代码异常, 不能自定义授权, 请核实服务代码!",
    Code.METHOD_KEY: "methodKey 错误",
    Code.STOPPED: "服务已停止使用, 请联系管理员",
    Code.GRANT: "授权状态异常, 授权到期或授权已暂停",
    Code.QUOTA: "服务调用已超过预警值, 暂时不能调用",
    Code.VALUE: "参数值异常, 请核实参数值。注: 参数值区分大小写",
    Code.SEVERAL: "结果不唯一",
    Code.PLATFORM: "平台暂不可用, 请稍后重试",
}
"""The seed's texts, spaces included."""


class Trouble(StrEnum):
    """Why the platform could not answer (`X-Reason`)."""

    STORE = "store"
    TRAIL = "trail"
    GRANTS = "grants"
    PROVIDER = "provider"
    OVERLOAD = "overload"


class Refused(Exception):  # noqa: N818  an answer, not a malfunction
    """A call is refused with a code of the annex; HTTP status 200."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


class Transport(Exception):  # noqa: N818  an answer, not a malfunction
    """A request is refused before it is a call: an HTTP status and an empty body."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Unavailable(Exception):  # noqa: N818  an answer, not a malfunction
    """The platform cannot answer now: 503 with its reason."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class Fault(StrEnum):
    """What was wrong with a provider's interface: for operators, in log and metrics; callers learn `provider` only."""

    ADDRESS = "address"
    """Its URL, or what its name resolves to, lies where no provider may live."""
    CREDENTIAL = "credential"
    """What it wants to be shown is not in the folder of secrets."""
    BUSY = "busy"
    """As many calls as it is given at once are under way."""
    OPEN = "open"
    """It did not answer lately, and is left alone for a while."""
    CONNECTION = "connection"
    DEADLINE = "deadline"
    STATUS = "status"
    REDIRECT = "redirect"
    REFUSED = "refused"
    """It answered that it will not (4xx, a SOAP fault of the client)."""
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    MALFORMED = "malformed"
    """Its answer is no JSON or XML as it is read here."""
    MEMBER = "member"
    """Its answer has not what the registration says."""
    VALUE = "value"
    """A value does not fit its item."""
    DISOBEYED = "disobeyed"
    """A record does not match what was asked."""


class ProviderFault(Unavailable):
    """A provider's interface failed this call."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(Trouble.PROVIDER)
        self.fault = fault
