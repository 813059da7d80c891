"""The two databases of a gateway: the exchange store it reads, and its own with records, quotas and claims."""
