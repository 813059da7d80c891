"""The two containers of spreadsheets, zip and OLE2 compound file, read without trusting a word of them."""
