"""The smallest valid rows of the desk."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from desk.models import LegalEntity, Membership, Role, Severity, User, WorkItem


class LegalEntityFactory(DjangoModelFactory[LegalEntity]):
    """A company in Arizona."""

    class Meta:
        model = LegalEntity

    name = factory.Sequence(lambda n: f"Company {n}")
    state = "AZ"


class UserFactory(DjangoModelFactory[User]):
    """A person without any role; password `passwords are long`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    password = factory.django.Password("passwords are long")


class MembershipFactory(DjangoModelFactory[Membership]):
    """A bookkeeper at a company."""

    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    entity = factory.SubFactory(LegalEntityFactory)
    role = Role.BOOKKEEPER


class WorkItemFactory(DjangoModelFactory[WorkItem]):
    """An open item of a kind that no app answers for."""

    class Meta:
        model = WorkItem

    entity = factory.SubFactory(LegalEntityFactory)
    kind = "odd"
    key = factory.Sequence(lambda n: f"odd:{n}")
    severity = Severity.WARNING
    title = "Something is odd"
    reason = "Nobody knows why."
    subject_type = "desk.legalentity"
    subject_id = factory.Sequence(lambda n: n)
    happened_on = factory.LazyFunction(timezone.localdate)
    due_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=3))


def person(role: str = Role.BOOKKEEPER, entity: LegalEntity | None = None, **facts: Any) -> User:
    """A person with one role at a company (a new one unless given)."""
    membership = MembershipFactory.create(
        user=UserFactory.create(**facts),
        entity=entity or LegalEntityFactory.create(),
        role=role,
    )
    return membership.user
