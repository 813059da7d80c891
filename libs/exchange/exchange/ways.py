"""In which ways a batch goes to the rows that are there."""

from enum import StrEnum


class Way(StrEnum):
    """What becomes of the rows that are there."""

    REPLACE = "replace"
    """The batch takes the place of all rows."""
    APPEND = "append"
    """Its rows come beside them, and must be new."""
    UPSERT = "upsert"
    """Its rows take the place of those with the same key, or come beside them."""
    DELETE = "delete"
    """Its rows name keys, and the rows with those keys go."""
