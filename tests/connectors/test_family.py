"""What every connector owes, found by the registry: a new vendor file is tested by being there."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from connectors import registry, services
from connectors.base import Connector
from connectors.errors import Ignored, Refused, Unreadable
from connectors.facts import decode_event, encode
from connectors.models import Delivery as Stored
from connectors.models import Event as StoredEvent
from connectors.models import EventConflict, Refusal
from connectors.types import ACTIONS, EVENTS, Delivery, Event
from tests.connectors.conftest import Connect, Listener
from tests.connectors.signing import (
    CREDENTIALS,
    SETTINGS,
    SIGNERS,
    delivery_of,
    samples,
    signed,
)

FAMILY = sorted(registry.family())
SIGNED = [slug for slug in FAMILY if not registry.connector_class(slug).is_file_based]


def made(slug: str) -> Connector:
    return registry.connector_class(slug)(CREDENTIALS.get(slug), SETTINGS.get(slug))


def events_of(slug: str, delivery: Delivery) -> list[Event]:
    try:
        return list(made(slug).parse(delivery))
    except Ignored:
        return []


def all_events(slug: str) -> Iterator[Event]:
    for file in samples(slug):
        delivery = delivery_of(slug, file)
        yield from events_of(slug, delivery)
        if delivery.headers:
            yield from made(slug).due(delivery, date(2099, 1, 1))


@pytest.mark.parametrize("slug", FAMILY)
def test_every_connector_declares_what_it_is(slug: str) -> None:
    cls = registry.connector_class(slug)

    assert cls.slug == slug
    assert cls.label
    assert cls.docs
    assert cls.yields <= set(EVENTS.values())
    assert cls.performs <= set(ACTIONS.values())
    assert issubclass(cls.Credentials, forms.Form)
    assert issubclass(cls.Settings, forms.Form)
    for action in cls.performs:
        assert callable(getattr(cls, action.kind)), f"{slug} has no method {action.kind}"


@pytest.mark.parametrize("slug", FAMILY)
def test_a_connector_shows_no_secret_when_printed(slug: str) -> None:
    for value in CREDENTIALS.get(slug, {}).values():
        assert value not in repr(made(slug))


@pytest.mark.parametrize("slug", FAMILY)
def test_each_declared_event_parses_from_a_recorded_sample(slug: str) -> None:
    told = {type(event) for event in all_events(slug)}

    assert told == registry.connector_class(slug).yields


@pytest.mark.parametrize("slug", FAMILY)
def test_events_survive_being_stored_exactly(slug: str) -> None:
    for event in all_events(slug):
        assert decode_event(event.kind, json.loads(json.dumps(encode(event)))) == event


@pytest.mark.parametrize("slug", FAMILY)
def test_parsing_is_pure(slug: str) -> None:
    for file in samples(slug):
        delivery = delivery_of(slug, file)
        assert events_of(slug, delivery) == events_of(slug, delivery)


@pytest.mark.parametrize("slug", FAMILY)
def test_a_cut_delivery_is_refused_and_never_read_otherwise(slug: str) -> None:
    """Files may lose their filler; whatever is still read says what the whole one says.

    A CSV has no totals: that it was cut between two rows nobody can see.
    """
    for file in (file for file in samples(slug) if file.suffix != ".csv"):
        whole = delivery_of(slug, file)
        facts = events_of(slug, whole)
        body = whole.body.rstrip()
        for share in (0, 1, len(body) // 3, len(body) // 2, len(body) - 2):
            cut = replace(whole, body=body[:share])
            try:
                read = list(made(slug).parse(cut))
            except (Unreadable, Ignored):
                continue
            assert read == facts, f"{file.name} cut to {share} bytes"


@pytest.mark.parametrize("slug", FAMILY)
@given(body=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_rubbish_never_crashes_a_reader(slug: str, body: bytes) -> None:
    with pytest.raises((Unreadable, Ignored)):
        list(made(slug).parse(Delivery(body)))


@pytest.mark.parametrize("slug", SIGNED)
def test_a_delivery_with_its_platforms_signature_is_accepted(slug: str) -> None:
    for file in samples(slug):
        made(slug).verify(signed(slug, delivery_of(slug, file)))


@pytest.mark.parametrize("slug", SIGNED)
def test_forged_altered_and_stale_deliveries_are_refused(slug: str) -> None:
    good = signed(slug, delivery_of(slug, samples(slug)[0]))
    altered = Delivery(good.body + b" ", good.headers, good.received_at)
    unsigned = Delivery(good.body, {}, good.received_at)
    stale = signed(slug, good, age=3600)
    from_the_future = signed(slug, good, age=-3600)
    forged = Delivery(
        good.body, {name: value[:-4] + "0000" for name, value in good.headers.items()}
    )
    for bad in (altered, unsigned, stale, from_the_future, forged):
        with pytest.raises(Refused):
            made(slug).verify(bad)


@pytest.mark.parametrize("slug", SIGNED)
def test_without_a_stored_secret_nothing_is_accepted(slug: str) -> None:
    bare = registry.connector_class(slug)()
    with pytest.raises(Refused):
        bare.verify(signed(slug, delivery_of(slug, samples(slug)[0])))


@pytest.mark.parametrize("slug", SIGNED)
def test_a_refused_delivery_is_counted_and_not_stored(slug: str, connect: Connect) -> None:
    connection = connect(slug)
    stale = signed(slug, delivery_of(slug, samples(slug)[0]), age=3600)

    for _ in range(3):
        with pytest.raises(Refused):
            services.receive(connection, stale.body, stale.headers)

    assert not Stored.objects.exists()
    assert Refusal.objects.get().times == 3


@pytest.mark.parametrize("slug", FAMILY)
def test_a_replay_changes_nothing(slug: str, connect: Connect, listener: Listener) -> None:
    connection = connect(slug)
    files = samples(slug)

    def bring() -> None:
        for file in files:
            delivery = delivery_of(slug, file)
            if slug in SIGNERS:
                services.receive(connection, delivery.body, signed(slug, delivery).headers)
            else:
                services.receive_file(connection, file.name, delivery.body)
        services.catch_up(is_sending=False)

    bring()
    told, stored = list(listener.told), StoredEvent.objects.count()
    bring()
    files.reverse()
    bring()

    assert listener.told == told
    assert StoredEvent.objects.count() == stored
    assert not EventConflict.objects.exists()
    assert set(Stored.objects.values_list("times", flat=True)) <= {3}


def test_every_connector_with_webhooks_has_a_signer() -> None:
    assert set(SIGNED) == set(SIGNERS)
