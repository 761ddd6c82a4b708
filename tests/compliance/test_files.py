"""The files of rules: those that ship are whole; what is wrong in one is told with the place."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from compliance import checks, loading, schema
from compliance.errors import BadFile
from compliance.jurisdictions import FEDERAL
from compliance.types import UNKNOWN, LateFeeRule
from proptrust.lib.money import usd
from tests.compliance.files import LATE_FEE, SOURCE, locality

STATES = ["CA", "FL", "MA", "NY"]


def test_every_file_that_ships_can_be_read() -> None:
    book = loading.read_folder(loading.FOLDER)

    assert sorted(book) == [*STATES, FEDERAL]
    assert checks.files_are_good() == []


@pytest.mark.parametrize("code", STATES)
def test_a_state_speaks_of_every_topic(code: str) -> None:
    rules = loading.lawbook()[code].rules

    for topic, details in schema.TOPICS.items():
        assert rules.get(topic) or not details.is_everywhere, topic


@pytest.mark.parametrize("code", [*STATES, FEDERAL])
def test_what_is_confirmed_says_what_was_read(code: str) -> None:
    rows = [row for rows in loading.lawbook()[code].rules.values() for row in rows]

    assert rows
    for row in rows:
        if row.source.is_row_confirmed:
            assert row.source.citation, row.name
            assert row.source.url or row.source.title, row.name
            assert row.source.read_on == "2026-11", row.name
        for name in row.own_fields():
            if getattr(row, name) is UNKNOWN:
                assert not row.source.confirms(name), f"{row.name} {name}"


def test_a_good_locality_is_read_with_exact_amounts(tmp_path: Path) -> None:
    found = loading.read_file(locality(tmp_path, LATE_FEE))

    (rule,) = found.rules["late_fee"]
    assert isinstance(rule, LateFeeRule)
    assert found.is_locality
    assert rule.capped(usd("75.00"), rent=usd("999.90"), days_late=6) == usd("49.99")


def changed(old: str, new: str) -> str:
    assert old in LATE_FEE
    return LATE_FEE.replace(old, new)


BROKEN = {
    "no TOML": ("[[late_fee\n", "ca-sf.toml: it is no TOML"),
    "unknown topic": ("[[lateness]]\ngrace_days = 1\n", "ca-sf.toml, lateness: no such topic"),
    "one table": ("[late_fee]\ngrace_days = 1\n", "late_fee: a topic is a list of tables"),
    "unknown key": (LATE_FEE + "graze = 1\n", "late_fee 1, graze: no such key"),
    "missing key": (changed("grace_days = 5\n", ""), "late_fee 1, grace_days: is missing"),
    "second table": (LATE_FEE + "[[late_fee]]\ngrace_days = -1\n", "late_fee 2, grace_days"),
    "days below zero": (changed("grace_days = 5", "grace_days = -5"), "zero or above"),
    "days true": (changed("grace_days = 5", "grace_days = true"), "not True"),
    "days as a text": (changed("grace_days = 5", 'grace_days = "5"'), "late_fee 1, grace_days"),
    "days with a part": (changed("grace_days = 5", "grace_days = 5.5"), "a whole number"),
    "half a cent": (changed("flat = 50", "flat = 50.005"), "cap: flat: an amount in whole cents"),
    "amount below zero": (changed("flat = 50", "flat = -1"), "whole cents, zero or above"),
    "amount as a text": (changed("flat = 50", 'flat = "50"'), "an amount like 50.00"),
    "rate in percent": (changed("0.05", "5"), "a rate is a fraction: 5 would be 500 percent"),
    "rate of zero": (changed("0.05", "0.0"), "a number above zero"),
    "rate not a number": (changed("0.05", "nan"), "a number above zero"),
    "rate without end": (changed("0.05", "inf"), "a number above zero"),
    "two parts alone": (changed(', combine = "lesser"', ""), "combine says how"),
    "no such combination": (changed('"lesser"', '"least"'), "one of lesser, greater, sum"),
    "limit of nothing": (
        changed('{ flat = 50, rate = 0.05, combine = "lesser" }', "{ up_to = 5 }"),
        "a limit has a flat amount",
    ),
    "bands that fall": (
        changed(
            '{ flat = 50, rate = 0.05, combine = "lesser" }',
            "[{ up_to = 9, flat = 1 }, { up_to = 5, flat = 1 }, { flat = 2 }]",
        ),
        "bands rise by up_to",
    ),
    "bands without an end": (
        changed('{ flat = 50, rate = 0.05, combine = "lesser" }', "[{ up_to = 9, flat = 1 }]"),
        "the last one has none",
    ),
    "no confirmation": (changed("confirmed = true\n", ""), "late_fee 1, confirmed: is missing"),
    "no citation": (changed('citation = "Code 1"\n', ""), "late_fee 1, citation: is missing"),
    "no address": (
        changed('source_url = "https://example.org/code"\n', ""),
        "late_fee 1, source_url: says what was read",
    ),
    "address of a script": (changed("https://", "javascript:"), "begins with http"),
    "source of no kind": (changed("statute text", "hearsay"), "late_fee 1, source_kind: one of"),
    "recalled yet confirmed": (changed("statute text", "recalled"), "is not confirmed"),
    "unconfirmed of nothing": (LATE_FEE + 'unconfirmed = ["graze"]\n', "'graze' is no key"),
    "read in no month": (LATE_FEE + 'read_on = "2026-13"\n', "late_fee 1, read_on"),
    "day in quotes": (LATE_FEE + 'effective_from = "2024-07-01"\n', "without quotes"),
    "moment": (LATE_FEE + "effective_from = 2024-07-01T00:00:00\n", "late_fee 1, effective_from"),
    "ends before it begins": (
        LATE_FEE + "effective_from = 2024-07-01\neffective_to = 2024-06-30\n",
        "ends on 2024-06-30, before it begins",
    ),
    "counts by no day": (
        LATE_FEE + 'effective_from = 2024-07-01\ncounts_by = "units"\n',
        "a fact that is a day is expected",
    ),
    "counts by without days": (
        LATE_FEE + 'counts_by = "deposit_taken_on"\n',
        "late_fee 1, counts_by: needs effective_from",
    ),
    "no such fact": (LATE_FEE + 'when = [{ fact = "moons", is = 1 }]\n', "no such fact: 'moons'"),
    "no test": (LATE_FEE + 'when = [{ fact = "units" }]\n', "a condition has one test"),
    "two tests": (
        LATE_FEE + 'when = [{ fact = "units", at_least = 1, at_most = 2 }]\n',
        "a condition has one test",
    ),
    "number as a text": (
        LATE_FEE + 'when = [{ fact = "units", at_least = "6" }]\n',
        "units is '6', but must be a whole number",
    ),
    "number for a truth": (
        LATE_FEE + 'when = [{ fact = "is_furnished", is = 1 }]\n',
        "must be yes or no",
    ),
    "text compared by size": (
        LATE_FEE + 'when = [{ fact = "deposit_held_as", at_least = "bond" }]\n',
        "can only be compared by `is`",
    ),
    "no such choice": (
        LATE_FEE + 'when = [{ fact = "deposit_held_as", is = "sock" }]\n',
        "must be one of",
    ),
    "day compared like a number": (
        LATE_FEE + 'when = [{ fact = "deposit_taken_on", at_least = 2024-07-01 }]\n',
        "days are compared by before and from",
    ),
    "the same question twice": (
        LATE_FEE + LATE_FEE,
        "late_fee 2: says of the same days and conditions what late_fee 1 says",
    ),
    "fixed interest without a rate": (
        '[[deposit_interest]]\nis_required = true\nmethod = "fixed"\ncadence = "at_end"\n' + SOURCE,
        "deposit_interest 1, rate: interest at a fixed rate names the rate",
    ),
    "a fee kept from fixed interest": (
        '[[deposit_interest]]\nis_required = true\nmethod = "fixed"\nrate = 0.05\n'
        'admin_fee_rate = 0.01\ncadence = "at_end"\n' + SOURCE,
        "stands only where the method is bank_actual",
    ),
    "required interest of no kind": (
        '[[deposit_interest]]\nis_required = true\nmethod = "none"\n' + SOURCE,
        "interest that is required has a method",
    ),
    "notice counted from nowhere": (
        "[[deposit_receipt]]\ndays = 30\n" + SOURCE,
        "deposit_receipt 1, counts_from",
    ),
    "published rate with a condition": (
        '[[deposit_rate]]\nrate = 0.01\nkind = "published"\n'
        'when = [{ fact = "units", at_least = 2 }]\n' + SOURCE,
        "a published rate counts by its days alone",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_the_place(case: str, tmp_path: Path) -> None:
    tables, said = BROKEN[case]
    path = locality(tmp_path, tables)

    with pytest.raises(BadFile) as refused:
        loading.read_file(path)

    assert said in str(refused.value)
    assert str(refused.value).startswith("ca-sf.toml")


@pytest.mark.parametrize("topic", ["late_fee", "unclaimed", "allocation"])
def test_a_state_that_leaves_out_a_topic_is_refused(topic: str, tmp_path: Path) -> None:
    text = (loading.FOLDER / "ny.toml").read_text()
    kept = [part for part in text.split("\n[[") if not part.startswith(f"{topic}]]")]
    path = tmp_path / "ny.toml"
    path.write_text("\n[[".join(kept))

    with pytest.raises(BadFile, match=f"ny.toml, {topic}: is missing"):
        loading.read_file(path)


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("ny.toml", 'jurisdiction = "CA"', "a file of CA is named ca.toml"),
        ("zz.toml", 'jurisdiction = "ZZ"', "'ZZ' is no jurisdiction"),
        ("ca-sf.toml", 'jurisdiction = "CA-SF"', "a locality says its name"),
        ("ca.toml", "", "None is no jurisdiction"),
    ],
)
def test_a_file_under_a_wrong_name_is_refused(
    name: str, head: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(f"{head}\n")

    with pytest.raises(BadFile, match=said):
        loading.read_file(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ca.toml"
    path.write_bytes(b'jurisdiction = "CA\xff"')

    with pytest.raises(BadFile, match="it is no UTF-8"):
        loading.read_file(path)


def test_check_tells_every_bad_file_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locality(tmp_path, LATE_FEE + "graze = 1\n")
    locality(tmp_path, "[[lateness]]\n", code="CA-LA")
    monkeypatch.setattr(loading, "FOLDER", tmp_path)

    errors = checks.files_are_good()

    assert [error.id for error in errors] == ["compliance.E001", "compliance.E001"]
    assert "ca-la.toml, lateness" in errors[0].msg
    assert "ca-sf.toml, late_fee 1, graze" in errors[1].msg
    with pytest.raises(Exception, match="graze"):
        call_command("check", tags=["compliance"])


def test_the_site_starts_with_a_bad_file_and_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    locality(tmp_path, "[[lateness]]\n")
    monkeypatch.setattr(loading, "FOLDER", tmp_path)
    loading.lawbook.cache_clear()
    try:
        checks.register_and_warm()
        assert "ca-sf.toml, lateness" in caplog.text
        with pytest.raises(CommandError, match=r"ca-sf\.toml, lateness"):
            call_command("show_rules", "CA")
    finally:
        loading.lawbook.cache_clear()
