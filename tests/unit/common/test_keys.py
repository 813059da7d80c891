"""The keys that callers carry: their one form, and the keyed hash that is all that is kept of them."""

import hmac
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import keys
from common.keys import KeyKind, Pepper

SECRETS = st.binary(min_size=32, max_size=32)
KINDS = st.sampled_from(KeyKind)


def base62_of(number: int, width: int) -> str:
    """Base 62 by long division from the left: not the way of the code under test."""
    powers = [62**place for place in reversed(range(width))]
    digits = []
    for power in powers:
        digits.append(keys.ALPHABET[number // power])
        number %= power
    return "".join(digits)


def test_the_alphabet_is_digits_then_capitals_then_small_letters():
    assert string.digits + string.ascii_uppercase + string.ascii_lowercase == keys.ALPHABET


@pytest.mark.parametrize(("kind", "prefix"), [(KeyKind.UNIT, "cnu_"), (KeyKind.METHOD, "cnm_")])
def test_a_key_of_known_bytes_is_known_to_the_letter(kind, prefix):
    ones = bytes(31) + b"\x01"
    made = keys.compose(kind, ones)
    body = prefix + "0" * 42 + "1"
    assert made[:47] == body
    assert made[47:] == base62_of(zlib.crc32(body.encode()), 6)


@given(KINDS, SECRETS)
def test_a_key_is_prefix_43_characters_of_the_secret_and_6_of_the_crc_of_all_before(kind, secret):
    made = keys.compose(kind, secret)
    assert len(made) == 53 == keys.LENGTH
    assert made[:4] == kind.value
    assert made[4:47] == base62_of(int.from_bytes(secret, "big"), 43)
    assert made[47:] == base62_of(zlib.crc32(made[:47].encode()), 6)
    assert keys.well_formed(kind, made)


@given(SECRETS)
def test_a_key_of_one_kind_is_none_of_the_other(secret):
    assert not keys.well_formed(KeyKind.METHOD, keys.compose(KeyKind.UNIT, secret))
    assert not keys.well_formed(KeyKind.UNIT, keys.compose(KeyKind.METHOD, secret))


@given(KINDS, SECRETS, st.integers(4, 52), st.sampled_from(keys.ALPHABET))
def test_one_wrong_character_is_always_found(kind, secret, place, other):
    made = keys.compose(kind, secret)
    wrong = made[:place] + other + made[place + 1 :]
    assert keys.well_formed(kind, wrong) is (wrong == made)


@given(KINDS, SECRETS, st.integers(4, 51))
def test_two_neighbours_exchanged_are_always_found(kind, secret, place):
    made = keys.compose(kind, secret)
    wrong = made[:place] + made[place + 1] + made[place] + made[place + 2 :]
    assert keys.well_formed(kind, wrong) is (wrong == made)


@given(KINDS, st.text(max_size=60))
def test_no_other_text_is_a_key_and_none_makes_it_fail(kind, text):
    assert not keys.well_formed(kind, text)
    assert not keys.well_formed(kind, kind.value + text)


@pytest.mark.parametrize(
    "bent",
    [
        lambda key: "",
        lambda key: " " + key[1:],
        lambda key: key + "\n",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key.upper(),
        lambda key: key.replace("cnu_", "CNU_"),
        lambda key: key[:10] + "_" + key[11:],
        lambda key: key[:10] + "é" + key[11:],
        lambda key: key[:10] + "０" + key[11:],  # a full-width digit is a digit to str.isalnum
        lambda key: key[:10] + "\0" + key[11:],
        lambda key: key * 200,
    ],
)
def test_a_bent_key_is_no_key(bent):
    # IN-G2, IN-G4: such a key is unknown without a look-up.
    made = keys.compose(KeyKind.UNIT, bytes(range(32)))
    assert keys.well_formed(KeyKind.UNIT, made)
    assert not keys.well_formed(KeyKind.UNIT, bent(made))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_carries_32_bytes_and_no_other_number(size):
    with pytest.raises(ValueError, match="32 bytes"):
        keys.compose(KeyKind.UNIT, bytes(size))


def test_generated_keys_are_well_formed_and_never_the_same():
    made = {keys.generate(kind) for kind in KeyKind for _ in range(200)}
    assert len(made) == 400
    assert all(keys.well_formed(KeyKind(key[:4]), key) for key in made)


def test_the_keyed_hash_is_hmac_sha_256_in_hexadecimal():
    # RFC 4231, test case 2.
    found = Pepper("p1", b"Jefe").digest("what do ya want for nothing?")
    assert found == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@given(st.text(min_size=1, max_size=60), st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_another_pepper_gives_another_hash(text, one, other):
    # HMAC pads a short secret with zeros, so secrets that differ by trailing zeros alone are the same secret.
    same = one.rstrip(b"\0") == other.rstrip(b"\0")
    assert (Pepper("a", one).digest(text) == Pepper("b", other).digest(text)) is same


@given(st.binary(min_size=1, max_size=200), st.text(max_size=300))
def test_the_keyed_hash_is_hmac_sha256(secret, text):
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert Pepper("p", secret).digest(text) == hmac.digest(secret, raw, "sha256").hex()


def test_a_pepper_does_not_show_its_secret():
    assert "canary" not in repr(Pepper("p", b"canary"))
