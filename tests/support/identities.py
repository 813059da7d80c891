"""Numbers of people and organisations with right check digits, computed otherwise than the code under test does."""

DIGITS = "0123456789"
USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def identity_number(area: str, born: str, sequence: str) -> str:
    """By ISO 7064 MOD 11-2 in its recursive form, which is not how the code under test computes it."""
    carried = 0
    for digit in area + born + sequence:
        carried = (carried + int(digit)) * 2 % 11
    return area + born + sequence + "0123456789X"[(12 - carried) % 11]


def credit_code(first: str) -> str:
    """By one large number: the sum with the check character must be a multiple of 31."""
    total = sum(USCC.index(character) * 3**place for place, character in enumerate(first))
    return first + next(c for c in USCC if (total + USCC.index(c)) % 31 == 0)
