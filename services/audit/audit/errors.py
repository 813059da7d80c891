"""What the trail refuses."""

from common.errors import Invalid, NotFound


class CallUnknown(NotFound):
    """No such call, or not one that the asker may see: one answer for both."""

    code = "call-unknown"

    def __init__(self) -> None:
        super().__init__("没有这次调用的记录")


class NothingAsked(Invalid):
    """A search of the trail names what it is looking for."""

    code = "nothing-asked"
