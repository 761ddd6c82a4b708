"""Which bank account a statement is of. Nothing is guessed: no answer or two are a refusal."""

from collections.abc import Iterable

from ledger.models import BankAccount
from proptrust.lib.fields import mask
from reconciliation.errors import FileRefused
from reconciliation.formats.types import ParsedStatement

_MASKS = "Xx*•·#."
# Fewer visible digits than this name no account.
_VISIBLE = 4


def account_of(
    statement: ParsedStatement, accounts: Iterable[BankAccount], given: BankAccount | None
) -> BankAccount:
    """The account that a statement is of.

    given: the account that a person named; the file must not say another one. Without it, the
    number in the file must fit exactly one of the accounts: the whole number, or the last four
    digits or more behind a mask; a routing number that differs rules an account out.
    Raises FileRefused, naming the place.
    """
    if given is not None:
        if statement.account_id and not fits(statement, given):
            raise _refusal(
                statement,
                f"it is of account {shown(statement)}, not of {given}; nothing was imported",
            )
        return given
    if not statement.account_id:
        raise _refusal(
            statement, "the file does not say which account it is of; choose the account"
        )
    found = [account for account in accounts if fits(statement, account)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise _refusal(
            statement, f"no bank account of this company has the number {shown(statement)}"
        )
    names = ", ".join(str(account) for account in found)
    raise _refusal(
        statement, f"the number {shown(statement)} fits more than one account ({names}); choose one"
    )


def fits(statement: ParsedStatement, account: BankAccount) -> bool:
    """Whether the number (and routing number) that a statement states can be the account's."""
    told, routing = _digits(statement.account_id or ""), _digits(statement.bank_id or "")
    if len(routing) == 9 and account.routing_number and routing != account.routing_number:
        return False
    number = _digits(str(account.account_number))
    if any(sign in (statement.account_id or "") for sign in _MASKS):
        visible = _after_mask(statement.account_id or "")
        return len(visible) >= _VISIBLE and number.endswith(visible)
    return told.lstrip("0") == number.lstrip("0") or (
        len(told) == _VISIBLE and number.endswith(told)
    )


def shown(statement: ParsedStatement) -> str:
    """The number as it may be shown in a reason."""
    return mask(_digits(statement.account_id or "")) or "(none)"


def _digits(text: str) -> str:
    return "".join(sign for sign in text.upper() if sign.isalnum() and sign not in _MASKS.upper())


def _after_mask(text: str) -> str:
    last = max(text.rfind(sign) for sign in _MASKS)
    return _digits(text[last + 1 :])


def _refusal(statement: ParsedStatement, reason: str) -> FileRefused:
    words = (statement.place or "").split()
    line = int(words[-1]) if words and words[-1].isdigit() else None
    return FileRefused(reason, line)
