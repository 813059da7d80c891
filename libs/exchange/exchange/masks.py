"""How a masked item is shown (`gateway-protocol`, Answer): the database masks, no clear value ever leaves it.

Counted in characters (code points). Null stays null: the database's own functions give null for null.
"""

from enum import StrEnum
from typing import Final

from common.events import Item, ItemType, MaskRule


class Mask(StrEnum):
    """The rules of the protocol, and one for an item that none of them is named for: nothing of it is seen."""

    NAME = "name"
    ID_NUMBER = "id_number"
    PHONE = "phone"
    ADDRESS = "address"
    HIDDEN = "hidden"


_BY_STANDARD: Final = {
    **dict.fromkeys(("XM", "person_name"), Mask.NAME),
    **dict.fromkeys(("ZJHM", "person_cert_CODE", "uni_sc_id", "organ_CODE", "reg_no"), Mask.ID_NUMBER),
    "telephone": Mask.PHONE,
    **dict.fromkeys(("CSDXZ", "HJDXZ", "JZDXZ", "FWCS", "address", "business_address"), Mask.ADDRESS),
}
"""Standard fields of Annex 3 §3.1 to §3.4 with the rule that fits what they hold."""

_SQL: Final = {
    Mask.NAME: "left({c}, 1) || repeat('*', char_length({c}) - 1)",
    Mask.ID_NUMBER: (
        "case when char_length({c}) < 15 then '****' else left({c}, 6) || '********' || right({c}, 4) end"
    ),
    Mask.PHONE: "case when char_length({c}) < 11 then '****' else left({c}, 3) || '****' || right({c}, 4) end",
    Mask.ADDRESS: "case when char_length({c}) < 4 then '****' else left({c}, 3) || '****' end",
    Mask.HIDDEN: "'****'",
}


def mask_of(item: Item, rule: MaskRule | None) -> Mask:
    """The rule for an item that is granted masked: the one that is named, else its standard field's.

    Where neither is there, and of anything but text, nothing is seen.
    """
    if item.type is not ItemType.TEXT:
        return Mask.HIDDEN
    if rule is not None:
        return Mask(rule.value)
    return _BY_STANDARD.get(item.standard or "", Mask.HIDDEN)


def shown(mask: Mask, text: str) -> str:
    """A value masked here, exactly as the database masks it: for what does not come out of the database."""
    match mask:
        case Mask.NAME:
            return text[:1] + "*" * (len(text) - 1)
        case Mask.ID_NUMBER:
            return "****" if len(text) < 15 else f"{text[:6]}********{text[-4:]}"
        case Mask.PHONE:
            return "****" if len(text) < 11 else f"{text[:3]}****{text[-4:]}"
        case Mask.ADDRESS:
            return "****" if len(text) < 4 else f"{text[:3]}****"
        case Mask.HIDDEN:
            return "****"


def masked(mask: Mask, column: str) -> str:
    """SQL that shows a column masked, as text; null where it is null."""
    return f"case when {column} is not null then {_SQL[mask].format(c=column)} end"
