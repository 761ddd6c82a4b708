"""PropTrust: the trust-accounting back office of property managers."""

__version__ = "0.1.0"
