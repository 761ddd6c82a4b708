"""What a benchmark yields, and how large it is asked to be."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Size:
    """is_full: the sizes of the bars themselves, minutes instead of seconds to load."""

    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure. bar: what it must reach (at_least) or stay below; None: only told."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the bar is met; a row without one passes."""
        if self.bar is None:
            return True
        return self.value >= self.bar if self.at_least else self.value < self.bar

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<"
        bar = "" if self.bar is None else f"{sign} {self.bar:g} {self.unit}"
        verdict = "" if self.bar is None else ("ok" if self.passed else "MISSED")
        return (
            f"{self.name:<58} {self.value:>10.2f} {self.unit:<8} {bar:<14} {verdict:<7} {self.note}"
        )


def milliseconds(call: Callable[[], object], *, times: int = 21) -> float:
    """The time of a call, after one that warms it up: the lower quartile of many.

    What else the machine does can only make a call slower, never quicker.
    """
    call()
    return sorted(seconds(call) for _ in range(times))[times // 4] * 1000


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start
