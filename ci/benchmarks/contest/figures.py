"""Medians, spreads and ratios of times, and the tables that show them."""

import math
import statistics

LIMIT = 0.15
"""The largest relative change of the floor; above it a run proves nothing."""


def spread(times) -> float:
    """The interquartile range over the median; 0 for fewer than two."""
    if len(times) < 2:
        return 0.0
    low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / statistics.median(times)


def ratio(times, others) -> float:
    """The median of the ratios round by round: a machine that slows down slows both."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def interval(values, coverage=0.95) -> tuple[float, float]:
    """The median's confidence interval, distribution-free: the k-th smallest and the k-th largest value.

    coverage(k) = 1 - 2 P(Binomial(n, 1/2) < k); k is the largest that reaches it, 1 where none does (n < 6).
    """
    ordered, n, k = sorted(values), len(values), 1
    while 1 - 2 * sum(math.comb(n, j) for j in range(k + 1)) / 2**n >= coverage:
        k += 1
    return ordered[k - 1], ordered[n - k]


def moved(marks) -> float:
    """By how much the largest of some times exceeds the smallest."""
    return max(marks) / min(marks) - 1


def table(head, rows) -> str:
    """Markdown; the first column is text, and the others are numbers or short words."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def us(time) -> str:
    """Microseconds, with a digit behind the point where that is more than noise."""
    return f"{time:,.1f}" if time < 100 else f"{time:,.0f}"


def noisy(marks, times=()) -> bool:
    """True if the floor, timed at marks of a run and in its rounds, varied too much to conclude anything."""
    return moved(marks) > LIMIT or spread(times) > LIMIT


def verdict(marks, times=()) -> str:
    """A sentence on the machine, from the floor's times."""
    said = f"the floor moved by {moved(marks):.0%} between beginning, middle and end"
    if times:
        said += f", and has a spread of {spread(times):.0%} over the rounds"
    if noisy(marks, times):
        return f"**the machine was too noisy to conclude**: {said}; the limit is {LIMIT:.0%}"
    return f"quiet enough: {said}"
