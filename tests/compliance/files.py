"""Files of rules for tests: a good one with a few topics, and ways to change it."""

from pathlib import Path

SOURCE = """
citation = "Code 1"
confirmed = true
source_kind = "statute text"
source_url = "https://example.org/code"
"""
LATE_FEE = f"""
[[late_fee]]
grace_days = 5
cap = {{ flat = 50, rate = 0.05, combine = "lesser" }}
standard = "none"
terms = "none"
{SOURCE}
"""


def locality(folder: Path, tables: str, code: str = "CA-SF") -> Path:
    """A file of a locality, which need not speak of every topic."""
    path = folder / f"{code.lower()}.toml"
    head = f'jurisdiction = "{code}"\nname = "A city"\nread_on = "2026-11"\n'
    path.write_text(head + tables)
    return path
