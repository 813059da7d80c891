"""The zip around a spreadsheet (PIT-X2, IN-X10): nothing it says is believed."""

import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.containers import archive
from sheets.errors import Reason, Unreadable
from sheets.limits import STRICT, Limits
from sheets.precheck import survey
from tests.support import hostile_sheets as hostile
from tests.support import sheet_files as files


def refused(data: bytes, limits: Limits = STRICT) -> Reason:
    with pytest.raises(Unreadable) as refusal:
        survey(data, limits)
    return refusal.value.reason


def test_a_bomb_is_refused_by_its_directory_before_anything_is_inflated():
    assert refused(hostile.zip_bomb()) is Reason.ZIP_INFLATED


def test_a_bomb_that_lies_about_its_size_is_refused_while_it_inflates():
    assert refused(hostile.lying_zip_bomb()) is Reason.ZIP_RATIO
    # Even where the ratio is allowed, not a byte beyond what was declared.
    assert refused(hostile.lying_zip_bomb(declared=2_000_000), Limits(zip_ratio=2_000)) is Reason.ZIP_SIZES


def test_an_entry_may_not_inflate_beyond_the_ratio():
    data = hostile.with_part("docProps/app.xml", b" " * 200_000)
    assert refused(data) is Reason.ZIP_RATIO
    assert survey(data, Limits(zip_ratio=10_000)).sheets


def test_sixty_four_entries_are_read_and_one_more_is_not():
    room = STRICT.zip_entries - len(hostile.sound_parts())
    assert survey(hostile.many_entries(room), STRICT).sheets
    assert refused(hostile.many_entries(room + 1)) is Reason.ZIP_ENTRIES
    assert refused(hostile.many_entries(10_000)) is Reason.ZIP_ENTRIES


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/passwd", "xl/../../x", "..\\x.xml", "C:\\x.xml", "a\0b.xml"])
def test_an_entry_may_not_leave_the_package(name):
    assert refused(
        files.zipped(hostile.sound_parts() | {"N" * len(name): b""}).replace(b"N" * len(name), name.encode())
    ) is (Reason.ZIP_NAMES)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hostile.nested_zip(), Reason.ZIP_NESTED),
        (hostile.double_entry(), Reason.ZIP_DUPLICATE),
        (hostile.double_entry("XL/Workbook.xml"), Reason.ZIP_DUPLICATE),
        (hostile.overlapping_entries(), Reason.ZIP_OVERLAP),
        (hostile.lying_size(1), Reason.ZIP_SIZES),
        (hostile.lying_size(-1), Reason.ZIP_SIZES),
        (hostile.encrypted_zip(), Reason.ENCRYPTED),
        (b"PK\x03\x04", Reason.DAMAGED),
        (b"junk" + files.zipped(hostile.sound_parts()), Reason.NOT_A_SPREADSHEET),
        (hostile.zip_behind_a_prefix(), Reason.DAMAGED),
        (hostile.flipped_bit(), Reason.DAMAGED),
        (files.zipped(hostile.sound_parts()) + b"tail", Reason.DAMAGED),
        (files.zipped(hostile.sound_parts(), compression=zipfile.ZIP_BZIP2), Reason.DAMAGED),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else None,
)
def test_a_directory_that_contradicts_itself_is_refused(data, reason):
    assert refused(data) is reason


def test_the_64_bit_records_that_some_writers_add_to_small_files_are_read():
    assert survey(hostile.with_zip64(hostile.sound_parts()), STRICT).sheets


contents = st.binary(max_size=300).filter(lambda content: not content.startswith(b"PK"))
names = st.text("abc/", min_size=1, max_size=8).map("p".__add__)


@given(st.dictionaries(names, contents, min_size=1, max_size=5))
def test_an_archive_of_our_own_passes_our_own_check(parts):
    data = archive.wrap(parts.items())
    assert archive.unpack(data, archive.read_directory(data, STRICT), STRICT).names == tuple(parts)
