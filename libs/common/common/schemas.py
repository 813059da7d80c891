"""Keeps the locked JSON Schemas of the events and of the catalogue entry: they only ever gain optional fields.

python -m common.schemas check    compares the declarations with the locked files; exit 1 on any difference
python -m common.schemas lock     writes new and compatibly grown schemas; refuses anything else
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from common import events
from common.entry import EntryContent
from common.events import base

FOLDER: Final = Path(events.__file__).parent / "schemas"
ENTRY: Final = Path(__file__).parent / "entry.schema.json"
_PROSE: Final = frozenset({"title", "description"})
_NAMING: Final = frozenset({"properties", "$defs"})
"""Keywords whose members are names of our own: fields and definitions."""


def differences(locked: Any, now: Any, where: str = "", *, inside_names: bool = False) -> Iterator[str]:
    """What changed from the locked schema to the present one beyond new optional fields; nothing if compatible.

    A default is part of the meaning: it is what a reader sees where an older record says nothing.
    """
    if isinstance(locked, dict) and isinstance(now, dict):
        for key in sorted(locked.keys() | now.keys()):
            if key in _PROSE and not inside_names:
                continue
            place = f"{where}/{key}"
            if key not in now:
                yield f"{place}: taken away"
            elif key not in locked:
                # A new field beside the old ones, or a new definition that only new fields use.
                if not inside_names and place != "/$defs":
                    yield f"{place}: added"
            elif key == "required" and not inside_names:
                for name in sorted(set(now[key]) ^ set(locked[key])):
                    yield f"{place}: {name}"
            else:
                # A field may be called `properties` too; what is below it is then no list of names.
                names = key in _NAMING and not inside_names
                yield from differences(locked[key], now[key], place, inside_names=names)
    elif locked != now:
        yield f"{where}: {json.dumps(locked, ensure_ascii=False)} became {json.dumps(now, ensure_ascii=False)}"


def _all() -> dict[Path, dict[str, Any]]:
    found = {FOLDER / f"{event.topic}.json": base.schema(event) for event in events.ALL}
    return {**found, ENTRY: EntryContent.model_json_schema(mode="validation")}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def check() -> list[str]:
    """What does not agree with the locked files, one line each; empty if all agrees."""
    found: list[str] = []
    schemas = _all()
    for path, now in schemas.items():
        if not path.exists():
            found.append(f"{path.stem}: not locked; run `python -m common.schemas lock`")
            continue
        broken = [f"{path.stem}: {line}" for line in differences(json.loads(path.read_text()), now)]
        if broken:
            found += broken
        elif path.read_text() != _text(now):
            found.append(f"{path.stem}: grew or was reworded; run `python -m common.schemas lock`")
    gone = sorted(set(FOLDER.glob("*.json")) - schemas.keys())
    return found + [f"{path.name}: no such event any more" for path in gone]


def lock() -> list[str]:
    """Write what is new or grown; what is incompatible stays and is returned."""
    refused: list[str] = []
    FOLDER.mkdir(exist_ok=True)
    for path, now in _all().items():
        broken = list(differences(json.loads(path.read_text()), now)) if path.exists() else []
        if broken:
            refused += [f"{path.stem}: {line}" for line in broken]
        else:
            path.write_text(_text(now))
    return refused


def main(arguments: list[str]) -> int:
    if arguments not in (["check"], ["lock"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    found = check() if arguments == ["check"] else lock()
    for line in found:
        sys.stderr.write(line + "\n")
    if found and arguments == ["lock"]:
        sys.stderr.write("refused: such a change is a new topic `….v2` beside the old one\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
