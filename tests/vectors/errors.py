"""Why a file of golden cases cannot be played."""


class VectorsError(Exception):
    """The root of what ends the playing before there is a result."""


class BadFile(VectorsError):  # noqa: N818  the state of a file
    """The file is none of the form, or says what cannot be; the text says where."""


class NotPlayed(VectorsError):  # noqa: N818  the state of the exchange
    """The file is good, and the exchange did not take it; the text says at which step."""
