"""Spreadsheets in: limits before parsing, parsing in a limited child process."""
