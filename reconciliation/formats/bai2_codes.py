"""The type codes of BAI2: which way the money goes, and what a code means for a property manager.

The direction follows from the range of the code, in the standard and in the ranges that it leaves
to the banks, so a code that is not listed here can still be read. The meanings are in our words
and only for codes that rent accounts see; the others are named by their family.

Source: BAI "Cash Management Balance Reporting Specifications, Version 2" (2005), compared with the
code tables of two open-source readers on 2026-11-22. UNCONFIRMED names the codes for which only one
of the three was found.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["credit", "debit", "status", "message", "unknown"]
Level = Literal["status", "summary", "detail", "message", "unknown"]


@dataclass(frozen=True, slots=True)
class TypeCode:
    """What a type code says. is_confirmed: whether a second source names it.

    direction "unknown": nothing tells which way the money went, so an amount cannot be booked.
    """

    code: str
    direction: Direction
    level: Level
    meaning: str
    is_listed: bool
    is_confirmed: bool


OPENING_LEDGER = "010"
CLOSING_LEDGER = "015"
TOTAL_CREDITS = "100"
TOTAL_DEBITS = "400"

# (first, last, direction). The loan codes and 800-889 have no range of their own.
_RANGES: tuple[tuple[int, int, Direction], ...] = (
    (1, 99, "status"),
    (100, 399, "credit"),
    (400, 699, "debit"),
    (900, 919, "status"),
    (920, 959, "credit"),
    (960, 999, "debit"),
)
_LOANS: dict[int, Direction] = {
    **dict.fromkeys((701, 703, 705, 707, 709), "status"),
    **dict.fromkeys((706, 708, 720, 721, 722, 723, 724, 725, 726, 727, 728, 827, 829), "credit"),
    **dict.fromkeys((760, 828), "debit"),
    890: "message",
}


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNCONFIRMED = _codes("087 088 102 158 159 168 169 402 458 459 706 708 827 828 829 906 907")

# Totals: as a line of their own they can repeat lines that stand beside them.
_SUMMARY = _codes(
    """
    100 101 102 105 106 107 109 110 120 130 131 140 146 150 159 160 162 163 167 170 178 180 182 185
    186 188 190 200 205 207 210 215 230 231 239 245 250 251 256 260 270 271 280 285 294 302 303 304
    305 307 309 310 315 316 318 319 320 321 324 325 326 327 328 329 330 332 336 338 340 341 343 350
    352 355 356 360 361 370 385 389 390 400 401 402 403 405 406 410 412 416 420 430 446 450 459 463
    465 467 470 471 478 480 482 486 490 500 505 507 510 515 530 532 534 536 537 539 550 551 556 560
    570 580 583 584 585 586 587 588 590 594 596 601 602 610 611 612 613 614 615 617 618 621 623 625
    626 628 630 632 640 646 650 655 665 670 685 689 690 720 760 827 828 829
    """
)

# Codes of single movements that the sources list; any other in their ranges is the bank's own.
_DETAIL = _codes(
    """
    108 115 116 118 121 122 123 135 136 142 143 145 147 155 156 158 164 165 166 168 169 171 172 173
    174 175 176 184 187 189 191 195 196 198 201 202 206 208 212 213 214 216 218 221 222 224 226 227
    229 232 233 234 235 236 237 238 240 241 242 243 244 246 247 248 249 252 254 255 257 258 261 263
    266 268 274 275 276 277 278 281 286 295 301 306 308 331 342 344 345 346 347 348 349 351 353 354
    357 358 359 362 363 364 366 367 368 369 372 373 374 376 377 378 379 381 382 383 384 386 387 388
    391 392 393 394 395 397 398 399 408 409 415 421 422 423 435 445 447 451 452 455 458 462 464 466
    468 469 472 474 475 476 477 479 481 484 485 487 489 491 493 495 496 498 501 502 506 508 512 513
    514 516 518 522 524 526 527 529 531 533 535 538 540 541 542 543 544 546 547 548 549 552 554 555
    557 558 561 563 564 566 567 568 574 575 577 578 581 595 597 616 622 627 629 631 633 634 641 644
    651 654 656 657 658 659 661 662 663 664 666 667 668 669 672 673 674 676 677 678 679 681 682 683
    684 686 687 688 691 692 693 694 695 696 697 698 699 706 708 721 722 723 724 725 726 727 728
    """
)

# Movements of this code are checks that we wrote: the customer reference is the check number.
CHECKS_PAID = frozenset({"395", "474", "475"})

_MEANINGS = {
    "010": "book balance at the start of the day",
    "015": "book balance at the end of the day",
    "030": "book balance right now",
    "040": "money usable at the start of the day",
    "045": "money usable at the end of the day",
    "060": "money usable right now",
    "072": "money usable in one day",
    "074": "money usable in two days or later",
    "100": "all credits together",
    "108": "money in, of any kind",
    "115": "checks that reached the lockbox",
    "116": "one check of a lockbox deposit",
    "142": "ACH credit received",
    "143": "one item of an ACH deposit",
    "147": "card sales paid out",
    "155": "draft that the payer agreed to beforehand",
    "158": "real-time payment received",
    "165": "ACH credit that the payer agreed to beforehand",
    "166": "settlement of our own ACH file, money in",
    "169": "other ACH credit",
    "172": "bank corrected a deposit upwards",
    "174": "other deposit",
    "175": "package of checks deposited",
    "191": "transfer in from within the bank",
    "195": "wire received",
    "201": "automatic transfer in",
    "206": "transfer in from another of our accounts",
    "252": "bank undid a debit",
    "254": "bank corrected a posting, money in",
    "255": "check we wrote came back unpaid",
    "257": "ACH payment we sent came back",
    "258": "ACH debit undone",
    "266": "item came back, money in",
    "275": "sweep in from a zero-balance account",
    "277": "sweep in from a zero-balance account",
    "301": "deposit",
    "354": "interest received",
    "357": "bank adjusted upwards",
    "395": "check undone",
    "398": "fee given back",
    "399": "other money in: read the text",
    "400": "all debits together",
    "409": "money out, of any kind",
    "415": "lockbox charge",
    "447": "our ACH file of payments to owners and vendors",
    "451": "ACH debit paid",
    "455": "ACH debit that we agreed to beforehand",
    "458": "real-time payment sent",
    "466": "settlement of our own ACH file, money out",
    "469": "other ACH debit",
    "474": "certified check paid",
    "475": "check we wrote was paid",
    "491": "transfer out within the bank",
    "495": "wire sent",
    "501": "automatic transfer out",
    "506": "transfer out to another of our accounts",
    "552": "bank undid a credit",
    "554": "bank corrected a posting, money out",
    "555": "deposited check came back unpaid",
    "557": "ACH payment from a payer came back",
    "558": "ACH credit undone",
    "564": "overdraft fee",
    "566": "item came back, money out",
    "567": "fee for an item that came back",
    "575": "sweep out to a zero-balance account",
    "577": "sweep out to a zero-balance account",
    "631": "bank adjusted downwards",
    "654": "interest charged",
    "661": "monthly analysis fee",
    "694": "deposit undone",
    "695": "bank corrected a deposit downwards",
    "698": "bank fee",
    "699": "other money out: read the text",
    "890": "a message without money",
}

_FAMILIES: dict[Direction, str] = {
    "credit": "money in",
    "debit": "money out",
    "status": "a balance or a figure, no movement",
    "message": "a message without money",
    "unknown": "a code without a known direction",
}


def type_code(code: str) -> TypeCode:
    """What a three-digit type code says; never raises."""
    direction = _direction(code)
    is_listed = code in _DETAIL or code in _SUMMARY or code in _MEANINGS
    return TypeCode(
        code=code,
        direction=direction,
        level=_level(code, direction),
        meaning=_MEANINGS.get(code, _FAMILIES[direction]),
        is_listed=is_listed,
        is_confirmed=is_listed and code not in UNCONFIRMED,
    )


def _direction(code: str) -> Direction:
    if len(code) != 3 or not (code.isascii() and code.isdigit()):
        return "unknown"
    number = int(code)
    if number in _LOANS:
        return _LOANS[number]
    for first, last, direction in _RANGES:
        if first <= number <= last:
            return direction
    return "unknown"


def _level(code: str, direction: Direction) -> Level:
    if direction in ("credit", "debit"):
        return "summary" if code in _SUMMARY else "detail"
    if direction == "status":
        return "status"
    return "message" if direction == "message" else "unknown"
