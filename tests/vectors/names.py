"""What the file's names are called in the exchange: service codes with the suffix of the run, keys for placeholders."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.vectors.cases import PLACEHOLDER

LONGEST_SERVICE: Final = 64
_SERVICE: Final = re.compile(r"[a-z0-9-]{1,64}")


def services(codes: Iterable[str], suffix: str) -> dict[str, str]:
    """The code of each service in the exchange; one that would be too long is cut, and stays unique."""
    found = {code: code + suffix for code in codes}
    taken = set(found.values())
    for code, made in found.items():
        if len(made) > LONGEST_SERVICE:
            cut = code[: LONGEST_SERVICE - len(suffix) - 5]
            found[code] = next(one for one in (f"{cut}-{n:04}{suffix}" for n in range(10_000)) if one not in taken)
            taken.add(found[code])
    return found


@dataclass(slots=True, kw_only=True)
class Names:
    suffix: str
    """Of the run; empty in a system of its own."""
    services: Mapping[str, str]
    """By the file's code."""
    unit_keys: dict[str, str] = field(default_factory=dict)
    method_keys: dict[tuple[str, str], str] = field(default_factory=dict)
    """By unit and service, as the file calls them."""

    def service(self, code: str) -> str:
        """The path of a call. One that the file only makes up gets the suffix too, lest the exchange have it."""
        if code in self.services:
            return self.services[code]
        made = code + self.suffix
        return made if code and _SERVICE.fullmatch(made) else code

    def filled(self, text: str) -> str:
        """The text with keys in the place of `{unitKey:A}` and `{methodKey:A/streets}`."""
        return PLACEHOLDER.sub(
            lambda found: self.unit_keys[found[1]] if found[1] else self.method_keys[found[2], found[3]], text
        )

    def filled_bytes(self, raw: bytes) -> bytes:
        """The same for a body that may be no text."""
        for placeholder, key in self._pairs():
            raw = raw.replace(placeholder.encode(), key.encode())
        return raw

    def hidden(self, text: str) -> str:
        """The text with placeholders in the place of keys: what is shown of an answer never holds one."""
        for placeholder, key in self._pairs():
            text = text.replace(key, placeholder)
        return text

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for unit, key in self.unit_keys.items():
            yield f"{{unitKey:{unit}}}", key
        for (unit, service), key in self.method_keys.items():
            yield f"{{methodKey:{unit}/{service}}}", key
