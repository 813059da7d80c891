"""Values that a JSON Schema allows, as a hypothesis strategy: the part of JSON Schema that our schemas use."""

import functools
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_INT64 = 2**63
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=5, minutes=30))])
_FORMATS: dict[str, st.SearchStrategy[str]] = {
    "date-time": st.builds(
        lambda seconds, micros, zone: datetime.fromtimestamp(seconds, zone).replace(microsecond=micros).isoformat(),
        st.integers(0, 7_258_118_400),
        st.integers(0, 999_999),
        _ZONES,
    ),
    "date": st.dates(date(1900, 1, 1), date(2200, 1, 1)).map(date.isoformat),
    "uuid": st.uuids().map(str),
}


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a schema with its own `$defs`. A keyword that is not known here is an error, not a gap."""
    return _of(schema, schema.get("$defs", {}))


def _of(schema: dict[str, Any], defs: dict[str, Any]) -> st.SearchStrategy[Any]:
    rules = {k: v for k, v in schema.items() if k not in {"title", "description", "default", "$defs"}}
    match rules:
        case {"$ref": ref, **rest}:
            made = st.deferred(lambda: _of(defs[ref.removeprefix("#/$defs/")], defs))
        case {"anyOf": branches, **rest}:
            made = st.one_of([_of(branch, defs) for branch in branches])
        case {"const": value, "type": "string", **rest}:
            made = st.just(value)
        case {"enum": allowed, "type": "string", **rest}:
            made = st.sampled_from(allowed)
        case {"type": "object", "properties": properties, **rest}:
            required = set(rest.pop("required", []))
            rest.pop("additionalProperties", None)
            each = {name: _of(inner, defs) for name, inner in properties.items()}
            made = st.fixed_dictionaries(
                {name: inner for name, inner in each.items() if name in required},
                optional={name: inner for name, inner in each.items() if name not in required},
            )
        case {"type": "array", "items": items, **rest}:
            least, most = rest.pop("minItems", 0), rest.pop("maxItems", None)
            made = st.lists(_of(items, defs), min_size=least, max_size=min(most or 3, 3))
        case {"type": "string", **rest}:
            made = _text(rest)
        case {"type": "integer" | "number" as kind, **rest}:
            made = _number(kind, rest)
        case {"type": "boolean", **rest}:
            made = st.booleans()
        case {"type": "null", **rest}:
            made = st.none()
        case _:
            raise NotImplementedError(f"schema {schema}")
    if rest:
        raise NotImplementedError(f"keywords {sorted(rest)} of {schema}")
    return made


def _number(kind: str, rest: dict[str, Any]) -> st.SearchStrategy[Any]:
    least, most = rest.pop("minimum", -_INT64), rest.pop("maximum", _INT64 - 1)
    return st.integers(least, most) if kind == "integer" else st.floats(float(least), float(most))


def _text(rest: dict[str, Any]) -> st.SearchStrategy[str]:
    least, most = rest.pop("minLength", 0), rest.pop("maxLength", None)
    if (pattern := rest.pop("pattern", None)) is not None:
        return st.sampled_from(_matches(pattern, least, most))
    if (form := rest.pop("format", None)) is not None:
        return _FORMATS[form]
    return st.text(min_size=least, max_size=min(most or 30, 30))


@functools.cache
def _matches(pattern: str, least: int, most: int | None) -> list[str]:
    """Some texts of a pattern, drawn once: drawing each anew takes a hundred times as long as all the rest."""
    found: dict[str, None] = {}

    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(pattern, fullmatch=True))
    def take(text: str) -> None:
        if least <= len(text) and (most is None or len(text) <= most):
            found[text] = None

    take()
    return list(found)
