"""Real Kafka, PostgreSQL and MinIO as local processes, without Docker."""
