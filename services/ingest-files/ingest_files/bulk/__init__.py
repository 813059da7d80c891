"""Whole loads: a file of any length becomes COPY text, checked column by column, in a confined child.

The child proves blocks of a column good at once (`columns`), and where it cannot it asks the very rules of rows
(`quality.reading`) about each value. The parent (`reading`) pipes its blocks into COPY and holds none of them.
"""
