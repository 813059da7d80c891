"""The protocol of Annex 3 as pure code: reading a request, deciding it, forming the answer, and the state it needs."""
