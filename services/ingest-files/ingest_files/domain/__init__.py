"""A file's way from the upload to its one result, and the judgement of what it holds."""
