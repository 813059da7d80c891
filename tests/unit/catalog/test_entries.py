"""An entry from draft to withdrawal (REQ-C1, C2): what each step asks for, and what it leaves on record."""

from dataclasses import replace

import pytest

from catalog import errors
from catalog.domain import entries
from catalog.domain.entries import Draft, DraftState, Entry, ReviewedAs
from common.events import EntryState, SharingType
from policy import load_shipped
from tests.support.catalog_values import CODE, REASONED, content, text
from tests.support.given_clock import IN_2019, IN_2021, PAST_TERM

BOOK = load_shipped()
NOW = BOOK.at(PAST_TERM)


def drafted(**more):
    draft = Draft(content=content(**more), state=DraftState.DRAFT, compiled_by="mzj.bianzhi")
    return Entry(code=CODE, provider="mzj", draft=draft, edition=None, withdrawn=False, revision=1, version=0)


def approved(entry, *, by="mzj.shenhe"):
    return entries.review(
        entries.submit(entry, NOW), by=by, reviewed_as=ReviewedAs.UNIT, keepers=3, approve=True, opinion=None
    )


def published(entry=None, *, by="mzj.fabu", at=PAST_TERM):
    return entries.publish(approved(entry or drafted()), by=by, keepers=3, at=at, in_force=BOOK.at(at))


def again(entry, **more):
    """A change of a published entry, all the way to its publication."""
    return published(entries.compile_again(entry, content(**more), revision=entry.revision, by="mzj.bianzhi"))


def test_a_draft_is_submitted_reviewed_published_and_withdrawn_each_step_counted():
    first = drafted()
    handed_in = entries.submit(first, NOW)
    assert handed_in.draft.state is DraftState.UNDER_REVIEW
    reviewed = entries.review(
        handed_in, by="mzj.shenhe", reviewed_as=ReviewedAs.UNIT, keepers=3, approve=True, opinion=None
    )
    assert (reviewed.draft.state, reviewed.draft.reviewed_by) == (DraftState.APPROVED, "mzj.shenhe")
    out = entries.publish(reviewed, by="mzj.fabu", keepers=3, at=PAST_TERM, in_force=NOW)
    assert out.draft is None
    ended = entries.withdraw(out)

    assert ended.withdrawn
    assert [one.revision for one in (first, handed_in, reviewed, out, ended)] == [1, 2, 3, 4, 5]
    # What the exchange is told counts by itself: nothing before the publication.
    assert [one.version for one in (first, handed_in, reviewed, out, ended)] == [0, 0, 0, 1, 2]


def test_an_edition_names_its_three_people_and_the_article_that_it_was_made_under():
    edition = published().edition

    assert (edition.number, edition.compiled_by, edition.reviewed_by, edition.published_by, edition.published_at) == (
        1,
        "mzj.bianzhi",
        "mzj.shenhe",
        "mzj.fabu",
        PAST_TERM,
    )
    assert edition.basis.model_dump() == {
        "edition": "2021",
        "document": "长府规〔2021〕2号",
        "rule": "catalog-entry",
        "article": "10.1",
        "layer": "edition",
        "past_term": True,
    }


@pytest.mark.parametrize(
    ("instant", "basis"), [(IN_2019, ("2019", "9.1", False)), (IN_2021, ("2021", "10.1", False))], ids=["2019", "2021"]
)
def test_the_basis_is_the_edition_in_force_at_the_publication(instant, basis):
    found = published(at=instant).edition.basis

    assert (found.edition, found.article, found.past_term) == basis


def test_the_event_tells_the_published_edition_whole():
    out = published(drafted(sharing_type="authorized", **REASONED))
    told = entries.event(out, PAST_TERM)

    assert (told.entry, told.version, told.state) == (CODE, 1, EntryState.PUBLISHED)
    assert (told.resource_version, told.edition_number, told.separation) == (f"{CODE}_v1", 1, "two-person")
    assert (told.reason, told.legal_basis) == (REASONED["reason"], REASONED["legal_basis"])
    # An item that says nothing of its own has the entry's sharing type.
    assert {one.sharing_type for one in told.items} == {SharingType.AUTHORIZED}
    assert entries.event(entries.withdraw(out), PAST_TERM).state is EntryState.WITHDRAWN


# --- 授权共享, 非共享, 非开放 need reason and basis in law (2019§14, 2021§14; IN-C2) ---------------------------------

RESTRICTED = [
    {"sharing_type": "authorized"},
    {"sharing_type": "not-shared"},
    {"items": [text("a", key_place=1), text("b", sharing_type="authorized")]},
    {"items": [text("a", key_place=1), text("b", sharing_type="not-shared")]},
    {"opening_type": "not-open"},
]


@pytest.mark.parametrize("types", RESTRICTED)
@pytest.mark.parametrize(
    ("stated", "missing"),
    [
        ({}, ["reason", "legal-basis"]),
        ({"reason": REASONED["reason"]}, ["legal-basis"]),
        ({"legal_basis": REASONED["legal_basis"]}, ["reason"]),
        ({"reason": " \n", "legal_basis": "\u200b\u2060\ufeff"}, ["reason", "legal-basis"]),
    ],
    ids=["nothing", "no-basis", "no-reason", "nothing-to-see"],
)
def test_a_restricted_entry_or_item_is_not_submitted_without_reason_and_basis(types, stated, missing):
    with pytest.raises(errors.BasisMissing) as refused:
        entries.submit(drafted(**types, **stated), NOW)

    assert refused.value.details == {"missing": missing}


@pytest.mark.parametrize("types", RESTRICTED)
def test_with_reason_and_basis_it_is(types):
    assert entries.submit(drafted(**types, **REASONED), NOW).draft.state is DraftState.UNDER_REVIEW


def test_the_refusal_cites_the_article():
    with pytest.raises(errors.BasisMissing, match="长府规〔2021〕2号第十四条第一款"):
        entries.submit(drafted(sharing_type="authorized"), NOW)


def test_opening_types_came_with_2021_so_under_2019_a_closed_entry_needs_no_basis():
    closed = drafted(opening_type="not-open")

    assert entries.submit(closed, BOOK.at(IN_2019)).draft.state is DraftState.UNDER_REVIEW
    with pytest.raises(errors.BasisMissing):
        entries.submit(closed, BOOK.at(IN_2021))


@pytest.mark.parametrize("opening_type", ["unrestricted", "conditional"])
def test_what_is_shared_and_open_needs_none(opening_type):
    assert entries.submit(drafted(opening_type=opening_type), NOW).draft.state is DraftState.UNDER_REVIEW


# --- Reviews ---------------------------------------------------------------------------------------------------------


def sent_back(entry, opinion):
    return entries.review(
        entry, by="mzj.shenhe", reviewed_as=ReviewedAs.UNIT, keepers=3, approve=False, opinion=opinion
    )


def test_a_draft_goes_back_with_an_opinion_and_can_be_handed_in_again():
    back = sent_back(entries.submit(drafted(), NOW), "名称不准确")

    assert back.draft.state is DraftState.DRAFT
    once_more = entries.submit(back, NOW)
    assert (once_more.draft.reviewed_by, once_more.draft.reviewed_as) == (None, None)


@pytest.mark.parametrize("opinion", [None, "", "  ", "\u200b"])
def test_nothing_goes_back_without_saying_why(opinion):
    with pytest.raises(errors.OpinionMissing):
        sent_back(entries.submit(drafted(), NOW), opinion)


# --- Revisions -------------------------------------------------------------------------------------------------------


def test_of_two_people_who_change_one_draft_the_second_is_told_that_his_is_stale():
    held = drafted()
    changed = entries.compile_again(held, content(name="甲"), revision=held.revision, by="mzj.bianzhi")

    with pytest.raises(errors.StaleRevision) as refused:
        entries.compile_again(changed, content(name="乙"), revision=held.revision, by="mzj.bianzhi2")
    assert refused.value.details == {"revision": changed.revision}


def test_a_draft_that_was_written_anew_has_to_be_reviewed_anew():
    held = approved(drafted())
    changed = entries.compile_again(held, content(name="甲"), revision=held.revision, by="mzj.bianzhi")

    assert (changed.draft.state, changed.draft.reviewed_by) == (DraftState.DRAFT, None)
    with pytest.raises(errors.EntryState):
        entries.publish(changed, by="mzj.fabu", keepers=3, at=PAST_TERM, in_force=NOW)


def test_a_change_of_a_published_entry_leaves_the_edition_in_force_as_it_is():
    held = published()
    changing = entries.compile_again(held, content(name="新名称"), revision=held.revision, by="mzj.bianzhi")

    assert changing.edition == held.edition
    assert changing.version == held.version
    assert published(changing).edition.content.name == "新名称"


def test_the_classification_of_a_published_entry_is_part_of_its_code_and_stays():
    held = published()

    with pytest.raises(errors.EntryState):
        entries.compile_again(held, content(classification="307002"), revision=held.revision, by="mzj.bianzhi")
    draft = drafted()
    assert entries.compile_again(draft, content(classification="307002"), revision=1, by="mzj.bianzhi").draft


# --- A change of structure is a new resource version; a rewording is not (2019§15) ----------------------------------

BEFORE = [text("a", key_place=1, nullable=False), text("b"), {"code": "n", "name": "数", "type": "integer"}]


@pytest.mark.parametrize(
    "items",
    [
        [text("a", key_place=1, nullable=False), text("b")],
        [*BEFORE, text("c")],
        [BEFORE[1], BEFORE[0], BEFORE[2]],
        [BEFORE[0], text("b", length=21), BEFORE[2]],
        [BEFORE[0], text("B"), BEFORE[2]],
        [BEFORE[0], text("b", nullable=False), BEFORE[2]],
        [BEFORE[0], text("b", unique=True), BEFORE[2]],
        [text("a", nullable=False), text("b", key_place=1), BEFORE[2]],
        [BEFORE[0], BEFORE[1], {"code": "n", "name": "数", "type": "numeric", "precision": 10, "scale": 2}],
        [BEFORE[0], BEFORE[1], {"code": "n", "name": "数", "type": "date"}],
    ],
    ids=["gone", "new", "order", "length", "code", "nullable", "unique", "key", "numeric", "type"],
)
def test_a_change_of_the_tables_form_is_a_new_resource_version(items):
    out = again(published(drafted(items=BEFORE)), items=items)

    assert (out.edition.number, out.edition.structure, out.resource_version) == (2, 2, f"{CODE}_v2")


@pytest.mark.parametrize(
    "items",
    [
        [BEFORE[0], text("b") | {"name": "另一个名称"}, BEFORE[2]],
        [BEFORE[0], text("b", standard="XM"), BEFORE[2]],
        [BEFORE[0], text("b", code_set={"id": "district", "version": 1}), BEFORE[2]],
        [BEFORE[0], text("b", check="idcard"), BEFORE[2]],
        # A place in the key is never empty, whether the compiler says so or not.
        [text("a", key_place=1), BEFORE[1], BEFORE[2]],
    ],
    ids=["name", "standard", "code-set", "check", "key-nullable"],
)
def test_a_rewording_is_a_new_edition_of_the_same_resource_version(items):
    out = again(published(drafted(items=BEFORE)), items=items, abstract="改写的摘要。")

    assert (out.edition.number, out.edition.structure, out.resource_version) == (2, 1, f"{CODE}_v1")


def test_a_resource_version_is_never_given_twice_even_if_an_earlier_form_comes_back():
    second = again(published(drafted(items=BEFORE)), items=[*BEFORE, text("c")])

    assert again(second, items=BEFORE).resource_version == f"{CODE}_v3"


def test_a_withdrawn_entry_takes_no_step_more():
    ended = entries.withdraw(published())
    waiting = replace(ended, draft=approved(drafted()).draft)

    for step in (
        lambda: entries.compile_again(ended, content(), revision=ended.revision, by="mzj.bianzhi"),
        lambda: entries.submit(waiting, NOW),
        lambda: entries.publish(waiting, by="mzj.fabu", keepers=3, at=PAST_TERM, in_force=NOW),
        lambda: entries.withdraw(ended),
    ):
        with pytest.raises(errors.EntryState):
            step()


def test_only_what_is_published_can_be_withdrawn():
    with pytest.raises(errors.EntryState):
        entries.withdraw(drafted())
