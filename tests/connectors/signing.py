"""How each platform would sign a delivery, and the recorded samples, all of our own making.

A vendor with signatures adds its signer and credentials here; its samples lie in
samples/<slug>/, with <name>.headers.json beside one that needs headers.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.types import Delivery

SAMPLES = Path(__file__).parent / "samples"
STRIPE_SECRET = "whsec_test_of_the_house"
STRIPE_KEY = "sk_test_ThisMustNeverShow"

CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "stripe": {"signing_secret": STRIPE_SECRET, "secret_key": STRIPE_KEY},
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "stripe": {"mode": "test", "account": ""},
    "ach_nacha": {
        "immediate_destination": "061000052",
        "immediate_origin": "1987654321",
        "destination_name": "First Bank",
        "origin_name": "Oak Homes",
        "odfi": "061000052",
        "company_name": "Oak Homes",
        "company_id": "1987654321",
        "line_end": "lf",
    },
}


def sign_stripe(body: bytes, at: float, secret: str = STRIPE_SECRET) -> dict[str, str]:
    signed = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, hashlib.sha256)
    return {"stripe-signature": f"t={int(at)},v1={signed.hexdigest()}"}


Signer = Callable[[bytes, float], dict[str, str]]
SIGNERS: Mapping[str, Signer] = {"stripe": sign_stripe}


def samples(slug: str) -> list[Path]:
    """The recorded samples of a vendor."""
    files = sorted((SAMPLES / slug).glob("*"))
    return [file for file in files if not file.name.endswith(".headers.json")]


def sample(slug: str, name: str) -> bytes:
    return (SAMPLES / slug / name).read_bytes()


def delivery_of(slug: str, file: Path) -> Delivery:
    """A sample as it would come in now."""
    beside = file.with_name(f"{file.name}.headers.json")
    headers = json.loads(beside.read_text()) if beside.exists() else {}
    return Delivery(
        body=file.read_bytes(),
        headers=headers,
        received_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        name=file.name,
    )


def signed(slug: str, delivery: Delivery, *, age: float = 0) -> Delivery:
    """The delivery with a signature of its platform, made `age` seconds before it comes."""
    now = time.time()
    headers = SIGNERS[slug](delivery.body, now - age)
    return replace(delivery, headers=headers, received_at=datetime.fromtimestamp(now, UTC))
