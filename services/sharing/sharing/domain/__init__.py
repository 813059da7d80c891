"""The rules of sharing: applications and who decides them, grants and their terms and keys."""
