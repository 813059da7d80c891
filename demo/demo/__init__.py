"""The story of three units, played against a running exchange."""
