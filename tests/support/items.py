"""Information items as tests want them: short to write, with what a type needs."""

from typing import Any

from common.events import CodeSetRef, Item, ItemType, SharingType


def item(code: str, kind: ItemType, **more: Any) -> Item:
    """An item whose name is its code with `项` behind it, unless told otherwise."""
    return Item(code=code, type=kind, **{"name": f"{code}项", "sharing_type": SharingType.UNRESTRICTED, **more})


def text(code: str = "name", length: int = 20, **more: Any) -> Item:
    return item(code, ItemType.TEXT, length=length, **more)


def integer(code: str = "count", **more: Any) -> Item:
    return item(code, ItemType.INTEGER, **more)


def numeric(code: str = "amount", precision: int = 20, scale: int = 6, **more: Any) -> Item:
    return item(code, ItemType.NUMERIC, precision=precision, scale=scale, **more)


def day(code: str = "day", **more: Any) -> Item:
    return item(code, ItemType.DATE, **more)


def moment(code: str = "moment", **more: Any) -> Item:
    return item(code, ItemType.DATETIME, **more)


def key(made: Item, place: int = 1) -> Item:
    """The item as a part of the resource's key."""
    return made.model_copy(update={"key_place": place, "nullable": False})


def codes(made: Item, name: str = "areas", version: int = 1) -> Item:
    """The item with a code set."""
    return made.model_copy(update={"code_set": CodeSetRef(id=name, version=version)})
