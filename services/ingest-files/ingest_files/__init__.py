"""Files in: upload, checks, atomic load, the tables of the exchange store."""
