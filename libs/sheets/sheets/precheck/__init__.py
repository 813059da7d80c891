"""The check before the parser: structure and size of a hostile file, in bounded memory and time, in the child.

Each kind has its own module; all of them end in a `Survey` or in `Unreadable`. The parser is given only the survey's
clean bytes.
"""

from sheets.errors import Reason, Unreadable
from sheets.kinds import Kind
from sheets.limits import Limits
from sheets.precheck.surveys import Survey
from sheets.sniff import sniff


def survey(data: bytes, limits: Limits) -> Survey:
    """What the file is and holds, checked.

    Raises:
        Unreadable: it is not a spreadsheet that can be read, or not one that may be.
    """
    kind = sniff(data, limits)
    match kind:
        case Kind.XLS:
            from sheets.precheck.biff import survey_xls  # noqa: PLC0415 -- a child meets one kind and starts sooner so

            return survey_xls(data, limits)
        case Kind.XLSX:
            from sheets.precheck.xlsx import survey_xlsx  # noqa: PLC0415 -- as above

            return survey_xlsx(data, limits)
        case Kind.ODS:
            from sheets.precheck.ods import survey_ods  # noqa: PLC0415 -- as above

            return survey_ods(data, limits)
        case Kind.UTF16_TEXT if limits.lenient:
            # “Unicode 文本” of Excel: the same as a csv but for its encoding.
            from sheets.precheck.text import survey_csv  # noqa: PLC0415 -- as above

            return survey_csv(data, limits)
        case Kind.CSV:
            from sheets.precheck.text import survey_csv  # noqa: PLC0415 -- as above

            return survey_csv(data, limits)
        case Kind.ENCRYPTED:
            raise Unreadable(Reason.ENCRYPTED)
        case _:
            raise Unreadable(Reason.NOT_A_SPREADSHEET, kind=kind.value)
