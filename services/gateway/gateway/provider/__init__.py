"""The client of providers' own interfaces: REST and SOAP 1.1."""

from gateway.provider.asking import AT_ONCE, MAX_ANSWER, Limits, Providers, Turn, apart

__all__ = ["AT_ONCE", "MAX_ANSWER", "Limits", "Providers", "Turn", "apart"]
