"""What every service shares: events, bus, outbox, inbox, database, HTTP, log, settings, clock."""
