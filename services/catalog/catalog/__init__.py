"""The resource catalogue: entries, items, code sets, services."""
