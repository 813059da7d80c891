"""Plays a file of golden cases of the interface protocol over HTTP: `python -m tests.vectors --file FILE`.

The file says which tables, services and grants there are, and which calls are answered how (its form:
`tests/contract/vectors/schema.json`). They are entered into an exchange as people and departments would enter them,
through the public interfaces; only the rows of the tables come in by the loader. Then each case is sent to the gateway
and compared with what came back.
"""
