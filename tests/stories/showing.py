"""A story that was played, as text, as a table of Markdown, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from moneyed import Money

from proptrust.lib.money import plain
from tests.stories.endings import Ending
from tests.stories.figures import AccountFigures
from tests.stories.playing import Performance, Played


def as_text(shown: Performance) -> str:
    """The story for a terminal: each step with its figures, then the end."""
    story = shown.story
    lines = [story.title, "=" * len(story.title), *([story.about, ""] if story.about else [""])]
    for played in shown.steps:
        lines.append(f"{played.step.number:>3}  {played.step.on}  {_said(played)}")
        for account in played.figures.accounts:
            if account.held or account.bank or account.book:
                lines += [f"       {line}" for line in _account_lines(account)]
        owed = ", ".join(f"{name} {plain(m)}" for name, m in played.figures.owed.items() if m)
        lines += [f"       owed by tenants: {owed}"] if owed else []
    if shown.ending is not None:
        lines += ["", "At the end", *(f"  {line}" for line in _end_lines(shown.ending))]
    if shown.wrong:
        lines += ["", "NOT AS THE STORY SAYS", *(f"  {each}" for each in shown.wrong)]
    return "\n".join(lines) + "\n"


def as_markdown(shown: Performance) -> str:
    """The story for the documentation: one table of its steps, then its end."""
    story = shown.story
    accounts = [each.name for each in shown.steps[0].figures.accounts]
    head = ["Day", "What happens"]
    head += [f"{name}: {what}" for name in accounts for what in ("bank", "book", "whose")]
    lines = [f"# {story.title}", ""]
    lines += [story.about, ""] if story.about else []
    lines += [_row([*head, "Tenants owe"]), _row(["---"] * (len(head) + 1))]
    for played in shown.steps:
        cells = [str(played.step.on), _said(played)]
        for account in played.figures.accounts:
            cells += [plain(account.bank), plain(account.book), _whose(account)]
        owed = played.figures.owed.items()
        cells.append("<br>".join(f"{name} {plain(amount)}" for name, amount in owed if amount))
        lines.append(_row(cells))
    if shown.ending is not None:
        lines += ["", "At the end:", "", *(f"- {line}" for line in _end_lines(shown.ending))]
    return "\n".join(lines) + "\n"


def as_json(shown: Performance) -> dict[str, Any]:
    """The story for a program: amounts as decimal strings."""
    return {
        "story": shown.story.name,
        "title": shown.story.title,
        "steps": [_step(played) for played in shown.steps],
        "ends": _ending(shown.ending) if shown.ending else None,
        "wrong": shown.wrong,
    }


def _said(played: Played) -> str:
    return f"{played.step.says} ({played.said})" if played.step.says else played.said


def _account_lines(account: AccountFigures) -> Iterator[str]:
    yield (
        f"{account.name:<10} bank {plain(account.bank):>12}  book {plain(account.book):>12}  "
        f"beneficiaries {plain(account.beneficiaries):>12}"
    )
    for who, held in account.held.items():
        yield f"{'':<10} {who:<44} {plain(held):>12}"


def _whose(account: AccountFigures) -> str:
    return "<br>".join(f"{who} {plain(held)}" for who, held in account.held.items())


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _end_lines(end: Ending) -> Iterator[str]:
    for name, figures in end.three_way.items():
        says = "agree" if figures.is_equal else f"differ by {plain(figures.bank_difference)}"
        yield (
            f"{name}: bank {plain(figures.bank)}, book {plain(figures.book)}, beneficiaries "
            f"{plain(figures.beneficiaries)}: they {says}"
        )
    for kind, titles in end.findings.items():
        for title in titles:
            yield f"on the desk, {kind}: {title}"
    if not end.findings:
        yield "nothing is open on the desk"
    for name, part in end.more.items():
        yield from _more(name, part)


def _more(name: str, part: Any) -> Iterator[str]:
    """An app's part: names with amounts, texts, or more such names inside."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _more(f"{name}, {key}", value)
    else:
        yield f"{name}: {plain(part) if isinstance(part, Money) else part}"


def _step(played: Played) -> dict[str, Any]:
    return {
        "number": played.step.number,
        "on": str(played.step.on),
        "do": played.step.verb,
        "said": played.said,
        "accounts": {
            account.name: {
                "bank": _amount(account.bank),
                "book": _amount(account.book),
                "beneficiaries": _amount(account.beneficiaries),
                "held": {who: _amount(held) for who, held in account.held.items()},
            }
            for account in played.figures.accounts
        },
        "owed": {name: _amount(owed) for name, owed in played.figures.owed.items()},
    }


def _ending(end: Ending) -> dict[str, Any]:
    return {
        "findings": dict(end.findings),
        "three_way": {
            name: {
                "bank": _amount(figures.bank),
                "book": _amount(figures.book),
                "beneficiaries": _amount(figures.beneficiaries),
                "agrees": figures.is_equal,
            }
            for name, figures in end.three_way.items()
        },
        **{name: _plainly(part) for name, part in end.more.items()},
    }


def _plainly(part: Any) -> Any:
    if isinstance(part, dict):
        return {str(key): _plainly(value) for key, value in part.items()}
    return _amount(part) if isinstance(part, Money) else str(part)


def _amount(amount: Money) -> str:
    return f"{amount.amount:.2f}"
