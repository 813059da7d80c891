"""The exchange store: layout, quality rules, loader, reader."""
