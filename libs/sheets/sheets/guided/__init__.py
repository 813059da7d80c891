"""The guided profile: the table in a sheet as departments really fill it, found and told, never mended in silence.

`detecting.detect` is the door; all is pure over `cells.Workbook`. What is read as a table, which rows are its header,
which its records, and why every other row is neither, is in the answer (`tables`), so that a provider can see and
correct it. `values` then reads single cells with the licence that this profile gives.
"""
