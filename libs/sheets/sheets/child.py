"""The child: reads one file from standard input, checks and parses it under limits, answers on standard output.

`python -m sheets.child LIMITS`. Nothing is opened, written or looked up; the process serves one file and ends.
"""

import sys

from sheets import wire
from sheets.confinement import confine
from sheets.errors import Reason, Unreadable
from sheets.kinds import Kind
from sheets.limits import Limits
from sheets.parsing import parse
from sheets.precheck import survey


def main() -> int:
    """Answer for the file on standard input; the exit status is 0 for every answer, refusals included."""
    limits = wire.decode_limits(sys.argv[1])
    network = confine(limits)
    sys.dont_write_bytecode = True  # no file may be written from here on
    try:
        try:
            found = survey(_read(limits), limits)
            answer = wire.Answer(limits)
            answer.head(found, network)
            for sheet in parse(found):
                answer.sheet(sheet)
            frames = answer.end()
        except Unreadable as refusal:
            frames = [wire.encode_refusal(refusal)]
        for frame in frames:
            sys.stdout.buffer.write(frame)
        sys.stdout.buffer.flush()
    except MemoryError:
        return wire.OUT_OF_MEMORY
    return 0


def _read(limits: Limits) -> bytes:
    data = sys.stdin.buffer.read(limits.file_bytes + 1)
    if len(data) > limits.file_bytes:
        raise Unreadable(Reason.FILE_TOO_LARGE, bytes=len(data), limit=limits.file_bytes)
    if not data:
        raise Unreadable(Reason.NOT_A_SPREADSHEET, kind=Kind.EMPTY.value)
    return data


if __name__ == "__main__":
    sys.exit(main())
