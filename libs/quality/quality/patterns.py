"""Patterns of values, in the syntax of RE2: matched in linear time whatever the pattern and the value are.

RE2 has no back references and no look-around, so that no pattern of a compiler can hold up the service (an expression
like `(a+)+$` can with backtracking engines). Size and memory of a pattern are bounded as well.
"""

from collections.abc import Callable
from typing import Final

import re2

from quality.errors import BadRule

MAX_PATTERN: Final = 500
"""Characters of a pattern."""
MAX_MEMORY: Final = 4 * 1024 * 1024
"""Bytes that a compiled pattern may take."""


def whole_match(pattern: str) -> Callable[[str], bool]:
    """Tells whether a whole text matches.

    Raises:
        BadRule: the pattern is none of RE2, or too large.
    """
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise BadRule(f"格式表达式应为1至{MAX_PATTERN}个字符")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    options.never_capture = True
    patterns = re2.Set.FullMatchSet(options)
    try:
        patterns.Add(pattern)
        patterns.Compile()
        patterns.Match("")
    except (re2.error, UnicodeEncodeError) as wrong:
        raise BadRule("格式表达式不符合 RE2 语法，或过于复杂") from wrong
    return lambda text: bool(patterns.Match(text))
