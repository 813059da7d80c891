"""The trail: every call back to grant, decision, article, batch and file."""
