"""A file checked before it is taken: its form, its columns, every cell; the same words here and on the platform.

`checking.check_file` reads a file and tells everything (`report`); `matching` finds the item of each column, `settling`
reads a cell with the licence of the guided profile, `proposing` makes an entry of what a sheet holds.
"""
