"""The lock on the events' schemas: new optional fields pass, every other change is refused."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import events, schemas
from common.events import base

LOCKED = {
    "$defs": {
        "Part": {
            "type": "object",
            "title": "Part",
            "properties": {"size": {"type": "integer", "minimum": 0}},
            "required": ["size"],
        },
        "State": {"enum": ["on", "off"], "type": "string"},
    },
    "title": "Told",
    "description": "Something was told.",
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "title": "Name"},
        "state": {"$ref": "#/$defs/State"},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "minItems": 1},
        "due": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        # Fields that are called like keywords are fields all the same.
        "title": {"type": "string"},
        "required": {"type": "boolean"},
        "properties": {"type": "string"},
        "default": {"type": "integer"},
    },
    "required": ["name", "state", "parts", "title"],
}


def changed(edit) -> list[str]:
    now = copy.deepcopy(LOCKED)
    edit(now)
    assert now != LOCKED, "the edit changes nothing"
    return list(schemas.differences(LOCKED, now))


def put(*path, value):
    def edit(schema):
        for step in path[:-1]:
            schema = schema[step]
        schema[path[-1]] = value

    return edit


def take(*path):
    def edit(schema):
        for step in path[:-1]:
            schema = schema[step]
        del schema[path[-1]]

    return edit


def both(*edits):
    def edit(schema):
        for one in edits:
            one(schema)

    return edit


def test_the_same_is_no_difference():
    assert list(schemas.differences(LOCKED, copy.deepcopy(LOCKED))) == []


@pytest.mark.parametrize(
    "edit",
    [
        put("properties", "new", value={"type": "string"}),
        put("properties", "new", value={"type": "string", "default": "x"}),
        put("$defs", "Part", "properties", "new", value={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        both(
            put("$defs", "New", value={"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
            put("properties", "new", value={"$ref": "#/$defs/New"}),
        ),
        put("title", value="Said"),
        put("description", value="Other words."),
        take("description"),
        put("properties", "name", "title", value="Called"),
        put("properties", "name", "description", value="What it is called."),
    ],
)
def test_a_new_optional_field_and_other_words_are_compatible(edit):
    assert changed(edit) == []


@pytest.mark.parametrize(
    "edit",
    [
        take("properties", "due"),
        take("properties", "name"),
        take("properties", "title"),
        take("properties", "required"),
        take("$defs", "State"),
        take("$defs", "Part", "properties", "size"),
        put("properties", "name", "type", value="integer"),
        put("properties", "name", "pattern", value="^[a-z0-9]+$"),
        take("properties", "name", "pattern"),
        put("properties", "name", "maxLength", value=5),
        put("properties", "title", "type", value="integer"),
        put("properties", "title", "maxLength", value=5),
        put("properties", "required", "type", value="string"),
        put("properties", "properties", "maxLength", value=5),
        put("properties", "properties", "type", value="integer"),
        put("properties", "default", "minimum", value=0),
        put("properties", "parts", "minItems", value=0),
        put("properties", "parts", "items", value={"type": "string"}),
        put("properties", "state", "$ref", value="#/$defs/Part"),
        put("properties", "due", "anyOf", value=[{"type": "string", "format": "date"}]),
        put("properties", "due", "anyOf", value=[{"type": "null"}, {"type": "string", "format": "date"}]),
        put("properties", "due", "default", value="2026-01-01"),
        take("properties", "due", "default"),
        put("$defs", "State", "enum", value=["on", "off", "away"]),
        put("$defs", "State", "enum", value=["on"]),
        put("$defs", "Part", "properties", "size", "minimum", value=1),
        put("required", value=["name", "state", "parts", "title", "due"]),
        put("required", value=["name", "state", "parts"]),
        take("required"),
        put("$defs", "Part", "required", value=[]),
        both(
            put("properties", "new", value={"type": "string"}),
            put("required", value=["name", "state", "parts", "title", "new"]),
        ),
        put("additionalProperties", value=False),
        put("type", value="array"),
    ],
)
def test_every_other_change_is_refused(edit):
    assert len(changed(edit)) >= 1


def test_a_difference_says_where_and_what():
    assert changed(put("properties", "name", "type", value="integer")) == [
        '/properties/name/type: "string" became "integer"'
    ]
    assert changed(take("properties", "due")) == ["/properties/due: taken away"]
    assert changed(put("required", value=["name", "state", "parts"])) == ["/required: title"]


def _places(schema, path=()):
    """Every place in a schema that says something of the data, with whether it stands for a field or definition."""
    for key, inner in schema.items():
        names = path and path[-1] in ("properties", "$defs") and not (len(path) > 1 and path[-2] == "properties")
        if key in ("title", "description") and not names:
            continue
        yield (*path, key)
        if isinstance(inner, dict):
            yield from _places(inner, (*path, key))


@given(st.sampled_from(events.ALL), st.data())
@settings(max_examples=150, deadline=None)
def test_taking_anything_away_from_any_event_is_refused_and_giving_it_is_only_allowed_to_optional_fields(kind, data):
    schema = base.schema(kind)
    place = data.draw(st.sampled_from(list(_places(schema))))
    less = copy.deepcopy(schema)
    take(*place)(less)
    assert list(schemas.differences(schema, less)), place
    is_field_or_definition = len(place) > 1 and place[-2] in ("properties", "$defs")
    holder = schema
    for step in place[:-2]:
        holder = holder[step]
    optional = place[-2:-1] == ("$defs",) or place[-1] not in holder.get("required", [])
    gained = list(schemas.differences(less, schema))
    if is_field_or_definition and optional:
        assert gained == [], place
    elif not is_field_or_definition and place != ("$defs",):
        assert gained, place


@given(st.sampled_from(events.ALL), st.data())
@settings(max_examples=100, deadline=None)
def test_changing_any_single_word_of_any_event_is_refused(kind, data):
    schema = base.schema(kind)
    leaves = []
    for place in _places(schema):
        holder = schema
        for step in place:
            holder = holder[step]
        if not isinstance(holder, dict):
            leaves.append(place)
    place = data.draw(st.sampled_from(leaves))
    other = copy.deepcopy(schema)
    put(*place, value="another")(other)
    assert list(schemas.differences(schema, other)), place


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the locked schemas of one event and of the entry, as they are now."""
    monkeypatch.setattr(schemas, "FOLDER", tmp_path / "schemas")
    monkeypatch.setattr(schemas, "ENTRY", tmp_path / "entry.schema.json")
    monkeypatch.setattr(events, "ALL", (events.UnitChanged,))
    assert schemas.lock() == []
    return tmp_path / "schemas"


def rewrite(path, edit):
    schema = json.loads(path.read_text())
    edit(schema)
    path.write_text(schemas._text(schema))


def test_what_was_locked_agrees(folder, capsys):
    assert schemas.check() == []
    assert schemas.main(["check"]) == 0
    assert [path.name for path in folder.iterdir()] == ["unit-changed.json"]


def test_what_is_refused_is_named_and_not_locked(folder, capsys):
    rewrite(folder / "unit-changed.json", take("properties", "name"))
    rewrite(folder / "unit-changed.json", lambda schema: schema["required"].remove("name"))
    assert schemas.main(["check"]) == 1  # a new field, and a required one
    locked = (folder / "unit-changed.json").read_text()
    assert schemas.main(["lock"]) == 1
    assert (folder / "unit-changed.json").read_text() == locked, "what is refused is not written"
    assert "required: name" in capsys.readouterr().err


def test_other_words_ask_for_the_lock_and_are_then_locked(folder, capsys):
    rewrite(folder / "unit-changed.json", put("description", value="Other words."))
    assert schemas.main(["check"]) == 1
    assert "run `python -m common.schemas lock`" in capsys.readouterr().err
    assert schemas.main(["lock"]) == 0
    assert schemas.main(["check"]) == 0


def test_an_event_without_a_lock_and_a_lock_without_an_event_are_named(folder):
    (folder / "unit-changed.json").rename(folder / "gone.json")
    assert schemas.check() == [
        "unit-changed: not locked; run `python -m common.schemas lock`",
        "gone.json: no such event any more",
    ]


@pytest.mark.parametrize("arguments", [[], ["write"], ["check", "lock"]])
def test_anything_but_check_and_lock_says_how_to_use_it(arguments, capsys):
    assert schemas.main(arguments) == 2
    assert "common.schemas check" in capsys.readouterr().err
