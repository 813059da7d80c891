"""How the database writes a value as the protocol shows it."""

from common.events import Item, ItemType


def fragment(item: Item, column: str) -> str:
    """SQL that shows a column as the protocol writes it, as a JSON fragment: digits kept, dates in the annex's form."""
    match item.type:
        case ItemType.DATE:
            shown = f"to_json(to_char({column}, 'YYYY/MM/DD'))::text"
        case ItemType.DATETIME:
            shown = f"to_json(to_char({column}, 'YYYY/MM/DD HH24:MI:SS'))::text"
        case ItemType.INTEGER | ItemType.NUMERIC:
            shown = f"{column}::text"
        case ItemType.TEXT:
            shown = f"to_json({column})::text"
    return f"coalesce({shown}, 'null')"
