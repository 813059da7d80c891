"""Python SDK and command line of the exchange."""
