"""Bring a portfolio in from CSV files: read, check everything, then write it all or nothing."""

from receivables.importing.run import ImportOutcome, Upload, import_portfolio

__all__ = ["ImportOutcome", "Upload", "import_portfolio"]
