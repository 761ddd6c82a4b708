"""The codes of jurisdictions: the federation, the states, and localities inside a state."""

import re
from collections.abc import Mapping

from compliance.errors import NoSuchJurisdiction

FEDERAL = "US"
NAMES: Mapping[str, str] = {
    "US": "United States",
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "District of Columbia",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
}
_LOCALITY = re.compile(r"([A-Z]{2})-[A-Z0-9]+(-[A-Z0-9]+)*")


def is_jurisdiction(code: str) -> bool:
    """Whether a text is US, a state (CA) or a locality of one (CA-SF)."""
    locality = _LOCALITY.fullmatch(code)
    return code in NAMES or (
        locality is not None and locality[1] in NAMES and locality[1] != FEDERAL
    )


def state_of(code: str) -> str:
    """The state that a locality lies in; a state itself."""
    return code[:2]


def chain(code: str) -> tuple[str, ...]:
    """Whose files are asked, the nearest first: CA-SF, then CA.

    Raises NoSuchJurisdiction for a code that is neither a state nor a locality.
    """
    if not is_jurisdiction(code):
        raise NoSuchJurisdiction(f"{code!r} is no state of the United States and no part of one")
    return (code,) if code == state_of(code) else (code, state_of(code))
