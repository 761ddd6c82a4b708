"""What the worker does for reconciliation (proptrust/schedules.py says when)."""

from ledger.models import BankAccount
from reconciliation import services
from reconciliation.models import Statement, StatementFile


def import_pending() -> str:
    """Import every stored bank file, oldest first; each is its own transaction.

    Safe to stop and to run twice. Returns the sentence that the task list shows.
    """
    waiting = StatementFile.objects.filter(state=StatementFile.State.STORED)
    done = [
        services.import_file(id_)
        for id_ in waiting.order_by("received_at", "id").values_list("id", flat=True)
    ]
    refused = sum(file.state == StatementFile.State.REFUSED for file in done)
    new = sum(file.lines_new for file in done)
    return f"{len(done)} files: {new} new bank lines, {refused} files refused"


def import_one(file_id: int) -> str:
    """Import one stored file and match the accounts it told of (queued by an upload)."""
    file = services.import_file(file_id)
    if file.state != StatementFile.State.IMPORTED:
        return f"{file.name}: {file.get_state_display().lower()}; {file.reason}"
    return f"{file.name}: {file.lines_new} new bank lines, {match_file(file_id)}"


def match_file(file_id: int) -> str:
    """Match the open lines of the accounts that an imported file told of."""
    told = Statement.objects.filter(file=file_id, is_intraday=False)
    accounts = sorted(set(told.values_list("bank_account_id", flat=True)))
    matched = sum(services.match_account(account_id) for account_id in accounts)
    return f"{matched} matched"


def match_all() -> str:
    """Match the open lines of every bank account; each account is its own transaction.

    Runs every few minutes and is safe to stop or to run twice.
    """
    accounts = BankAccount.objects.filter(
        bank_lines__is_matched=False, bank_lines__repeats__isnull=True
    ).distinct()
    matched = sum(
        services.match_account(id_) for id_ in accounts.order_by("id").values_list("id", flat=True)
    )
    return f"{matched} bank lines matched"
