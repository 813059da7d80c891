"""Spreadsheets in: limits before parsing, parsing in a limited child process.

A file of unknown origin becomes rows of typed cells (`reading.read`) or is refused with a reason for people
(`errors.Unreadable`). Nothing hostile touches the caller: sniffing, structure checks and the parser all run in a child
process with limits and without network; the caller only compares the size and decodes the child's answer strictly.

`annex` then judges the rows by the form of Annex 3 chapter 6, `names` the file's name, and `writing` makes such a file.
"""
