"""Money out: one bank payment to one payee, by check, ACH file or platform."""
