"""`manage.py import_statement FILE… [--account ID-or-last-four] [--entity NAME]`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from desk.models import LegalEntity
from ledger.models import BankAccount
from reconciliation import services
from reconciliation.models import StatementFile


class Command(BaseCommand):
    help = "Import bank statements (BAI2, OFX/QFX, camt, MT940, CSV), then match their lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument(
            "--account",
            help="id or last four digits of the bank account; left out, the file says which it is",
        )
        parser.add_argument("--entity", help="name of the company, where there are several")

    def handle(self, *_: Any, files: list[Path], **options: Any) -> None:
        account = _account(options["account"], options["entity"])
        entity_id = account.book.entity_id if account else _entity(options["entity"]).pk
        refused, accounts = 0, set()
        for path in files:
            file = self._import(path, entity_id, account)
            refused += file.state == StatementFile.State.REFUSED
            accounts |= set(file.statements.values_list("bank_account_id", flat=True))
        matched = sum(services.match_account(account_id) for account_id in sorted(accounts))
        self.stdout.write(f"{matched} bank lines matched")
        if refused:
            raise CommandError(f"{refused} of {len(files)} files were refused; they are kept")

    def _import(self, path: Path, entity_id: int, account: BankAccount | None) -> StatementFile:
        try:
            body = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        stored = services.store_file(
            entity_id=entity_id,
            name=path.name,
            body=body,
            bank_account_id=account.pk if account else None,
        )
        file = services.import_file(stored.pk)
        if file.state == StatementFile.State.IMPORTED:
            self.stdout.write(
                f"{path}: {file.format}, {file.lines_new} new lines, {file.lines_known} known"
            )
        else:
            at = f"line {file.line}: " if file.line else ""
            self.stderr.write(f"{path}: refused: {at}{file.reason}")
        return file


def _entity(name: str | None) -> LegalEntity:
    try:
        return LegalEntity.objects.get(name=name) if name else services.default_entity()
    except LegalEntity.DoesNotExist as error:
        raise CommandError(f"there is no company {name!r}") from error
    except ValueError as error:
        raise CommandError(f"{error} (--entity NAME)") from error


def _account(text: str | None, entity: str | None) -> BankAccount | None:
    if not text:
        return None
    accounts = BankAccount.objects.select_related("book")
    if entity:
        accounts = accounts.filter(book__entity=_entity(entity))
    found = list(accounts.filter(last_four=text[-4:])) if len(text) <= 4 else []
    if not found and text.isdigit():
        found = list(accounts.filter(pk=int(text)))
    if len(found) != 1:
        said = "no bank account" if not found else "more than one bank account"
        raise CommandError(f"{said} is meant by --account {text}")
    return found[0]
