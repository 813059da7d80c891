"""Makes what the services need: topics and their rights, roles and databases, buckets."""
