"""Promises broken on purpose on the real servers: `python -m tests.fault.matrix` plays every row that can be played."""
