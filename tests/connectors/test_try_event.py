"""try_event: what would become of a body, without storing anything."""

import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.connectors.signing import CREDENTIALS, SAMPLES, sample, sign_stripe

CARD = SAMPLES / "stripe" / "payment_intent.succeeded.card.json"


def said(*arguments: object) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("try_event", *map(str, arguments), stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_line_a_body_with_every_fact() -> None:
    other = SAMPLES / "stripe" / "customer.updated.other.json"
    first, second = said("stripe", "--no-verify", CARD, other)

    assert (first["file"], first["outcome"], first["reason"]) == (str(CARD), "events", None)
    (event,) = first["events"]
    assert list(event)[:5] == ["kind", "key", "at", "amount", "currency"]
    assert (event["kind"], event["amount"], event["currency"]) == (
        "payment_settled",
        "1850.00",
        "USD",
    )
    assert (event["lease_code"], event["fee"], event["channel"]) == ("OAK-12-3", None, "card")
    assert second["outcome"] == "ignored"
    assert second["events"] == []
    assert "customer.updated" in second["reason"]


def test_without_credentials_nothing_verifies() -> None:
    (line,) = said("stripe", CARD)
    assert line["outcome"] == "refused"
    assert "no signing secret" in line["reason"]


@pytest.mark.parametrize("as_json", [True, False])
def test_headers_and_credentials_come_from_files(tmp_path: Path, as_json: bool) -> None:
    headers = sign_stripe(CARD.read_bytes(), time.time())
    lines = "\n".join(f"{name.title()}: {value}" for name, value in headers.items())
    (tmp_path / "headers").write_text(json.dumps(headers) if as_json else lines)
    (tmp_path / "known").write_text(
        json.dumps({**CREDENTIALS["stripe"], "settings": {"mode": "test"}})
    )
    options = ("--headers", tmp_path / "headers", "--credentials", tmp_path / "known")

    (good,) = said("stripe", *options, CARD)
    (stale,) = said("stripe", *options, "--at", "2020-01-01T00:00:00", CARD)

    assert good["outcome"] == "events"
    assert stale == {
        "file": str(CARD),
        "outcome": "refused",
        "reason": "the signature is from the future",
        "events": [],
    }


def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(sample("stripe", CARD.name)[:100])
    (line,) = said("stripe", "--no-verify", broken)
    assert line["outcome"] == "refused"
    assert "not JSON" in line["reason"]


def test_a_bank_file_needs_no_signature() -> None:
    (line,) = said("ach_nacha", SAMPLES / "ach_nacha" / "returns.ach")
    assert [event["kind"] for event in line["events"]] == [
        "payment_returned",
        "disbursement_returned",
        "bank_details_changed",
        "return_disputed",
    ]
    assert line["events"][2]["amount"] is None


@pytest.mark.parametrize(
    "arguments",
    [("nobody", CARD), ("stripe", "missing.json"), ("stripe", "--headers", "missing", CARD),
     ("stripe", "--at", "soon", CARD), ("stripe", "--credentials", __file__, CARD)],
)  # fmt: skip
def test_a_wrong_call_says_what_is_wrong(arguments: tuple[object, ...]) -> None:
    with pytest.raises(CommandError):
        said(*arguments)
