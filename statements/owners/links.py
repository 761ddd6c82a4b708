"""Owners' links: an address that shows one statement to whoever has it, until it ends."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from desk import services as desk
from desk.models import User
from statements.errors import LinkRefused, StatementsError, TooMany
from statements.models import LinkVisit, OwnerLink, OwnerStatement
from statements.owners.composing import day, days

LINK_DAYS = 30
# Of one link: a person reads and downloads; nobody needs more.
MOST_VISITS = 60
# From one address: nobody types a link wrongly ten times.
MOST_REFUSED = 10
WITHIN = timedelta(minutes=10)
_SIGNER = signing.Signer(salt="statements.owner_link", sep=".")


def token_of(link: OwnerLink) -> str:
    """The secret part of a link's address: signed, and made again from the row at any time."""
    return _SIGNER.sign(f"{link.pk}-{link.nonce}")


def address_of(link: OwnerLink) -> str:
    """The whole address that the owner opens."""
    path = reverse("owner_statements:statement", args=[token_of(link)])
    return settings.PUBLIC_URL.rstrip("/") + path


@transaction.atomic
def make_link(statement: OwnerStatement, *, made_by: User) -> OwnerLink:
    """A new link to a statement that is made; it ends after LINK_DAYS days.

    Raises StatementsError for a statement that is not made yet.
    """
    if statement.state != OwnerStatement.State.MADE:
        raise StatementsError("The statement is not made yet; there is nothing to show.")
    link = OwnerLink.objects.create(
        statement=statement,
        nonce=secrets.token_urlsafe(24),
        expires_at=timezone.now() + timedelta(days=LINK_DAYS),
        made_by=made_by,
    )
    desk.record(
        "make an owner link",
        actor=made_by,
        subject=statement,
        text=f"Made a link to the statement of {statement.owner} until {day(link.expires_at)}",
        facts={"link": link.pk},
    )
    return link


@transaction.atomic
def revoke_link(link: OwnerLink, *, actor: User) -> OwnerLink:
    """Take a link back at once; twice is once."""
    held = OwnerLink.objects.select_for_update(of=("self",)).get(pk=link.pk)
    if held.revoked_at is not None:
        return held
    held.revoked_at, held.revoked_by = timezone.now(), actor
    held.save(update_fields=["revoked_at", "revoked_by"])
    desk.record(
        "take an owner link back",
        actor=actor,
        subject=held.statement,
        text=f"Took a link to the statement of {held.statement.owner} back",
        facts={"link": held.pk},
    )
    return held


def send_link(statement: OwnerStatement, *, made_by: User) -> OwnerLink:
    """Make a link and mail it to the owner.

    Raises StatementsError if no address is on record, or the mail server takes no mail; there is no
    link then.
    """
    if not statement.owner.email:
        raise StatementsError(f"{statement.owner} has no e-mail address on record.")
    with transaction.atomic():
        link = make_link(statement, made_by=made_by)
        desk.record(
            "mail an owner link",
            actor=made_by,
            subject=statement,
            text=f"Mailed the link to {statement.owner}",
            facts={"link": link.pk},
        )
        try:
            _mail(link).send()
        except OSError as error:  # What smtplib raises is one, too.
            raise StatementsError(f"The mail did not go out: {error}") from error
    return link


def _mail(link: OwnerLink) -> EmailMessage:
    statement = link.statement
    span = days(statement.from_on, statement.to_on)
    return EmailMessage(
        subject=f"Your owner statement, {span}",
        body=(
            f"{statement.owner.name},\n\n"
            f"your statement for {span} is ready. It shows every line with what it is for:\n\n"
            f"{address_of(link)}\n\n"
            f"The link works until {day(link.expires_at)} and needs no password; please keep it"
            " to yourself.\n\n"
            f"{statement.entity}\n"
        ),
        to=[statement.owner.email],
    )


def opened(token: str, *, address: str) -> OwnerLink:
    """The link that a token names, with its statement; the visit is kept.

    address: whence it was opened, "" if that is not told. Raises LinkRefused for a token that is
    not ours, over or taken back, TooMany for one link opened too often, and for whoever guesses
    from one address; a right link opens from there all the same.
    """
    since = timezone.now() - WITHIN
    recent = LinkVisit.objects.filter(at__gt=since)
    link = _link_of(token)
    if link is None:
        if recent.filter(address=address or None, link__isnull=True).count() >= MOST_REFUSED:
            raise TooMany("Too many wrong links came from here. Try again in ten minutes.")
        LinkVisit.objects.create(address=address or None, is_refused=True)
        raise LinkRefused("This link is not known. Use the one in our last mail to you.")
    if recent.filter(link=link).count() >= MOST_VISITS:
        raise TooMany("This link was opened very often just now. Try again in ten minutes.")
    why_not = _why_not(link)
    LinkVisit.objects.create(link=link, address=address or None, is_refused=bool(why_not))
    if why_not:
        raise LinkRefused(why_not)
    return link


def _link_of(token: str) -> OwnerLink | None:
    """The row that a token was signed for; the signature is looked at before the database."""
    try:
        number, _, nonce = _SIGNER.unsign(token).partition("-")
    except signing.BadSignature:
        return None
    link = (
        OwnerLink.objects.select_related("statement__owner", "statement__entity")
        .defer("statement__pdf")
        .filter(pk=int(number))
        .first()
    )
    return link if link is not None and secrets.compare_digest(link.nonce, nonce) else None


def _why_not(link: OwnerLink) -> str:
    if link.revoked_at is not None:
        return "This link was taken back. Ask us for a new one."
    if link.expires_at < timezone.now():
        return "This link has ended. Ask us for a new one."
    return ""
