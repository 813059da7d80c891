"""Applications, decisions, grants and their keys."""
