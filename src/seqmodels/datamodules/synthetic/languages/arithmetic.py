"""Arithmetic modulo 5, as Deletang et al. 2023 set it (arXiv 2207.02098): regular without brackets, a stack with them.

    without brackets    3 * 4 - 2 + 1 =           products first; any even number of symbols
    with brackets       ( ( - 3 ) * ( 2 + 4 ) ) = each operation in brackets of its own; any number of symbols from 2

The `=` that asks for the value is that of Walker et al. 2025 (arXiv 2505.17761).
"""

import numpy as np

from seqmodels.datamodules.synthetic.languages.language import NONE, Integers, Language, draw

MODULUS = 5
PLUS, MINUS, TIMES, EQUALS, OPEN, CLOSE = range(MODULUS, MODULUS + 6)
DIGITS = tuple(map(str, range(MODULUS)))


def _chain(u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
    """Digits and operators in turn; a prefix has a value where it ends in a digit, and at the `=`.

    The value is that of the sum so far and of the product that is still open.
    """
    symbols = np.empty(u.shape, np.int64)
    symbols[:, 0::2], symbols[:, 1::2] = draw(MODULUS, u[:, 0::2]), PLUS + draw(3, u[:, 1::2])
    symbols[np.arange(len(u)), lengths - 1] = EQUALS
    answers = np.full(u.shape, NONE)
    total, product = np.zeros(len(u), np.int64), symbols[:, 0]
    for step in range(0, u.shape[1], 2):
        if step:
            operator, digit = symbols[:, step - 1], symbols[:, step]
            times = operator == TIMES
            total = np.where(times, total, (total + product) % MODULUS)
            product = np.where(times, product * digit, np.where(operator == MINUS, -digit, digit)) % MODULUS
        answers[:, step : step + 2] = ((total + product) % MODULUS)[:, None]
    answers[(symbols >= PLUS) & (symbols != EQUALS)] = NONE
    return symbols, answers


def _bracketed(u: np.ndarray, lengths: Integers) -> tuple[Integers, Integers]:
    """An expression of n symbols is, by n: d, -d, (d), (-d); from 5 on (left operator right), left as likely of any
    length that leaves room.

    Written from the left with a stack of what is to come: an expression of n > 0 symbols is n, a symbol s is -s.
    """
    rows, steps = np.arange(len(u)), u.shape[1]
    symbols = np.full(u.shape, EQUALS)
    stack = np.zeros((len(u), steps + 4), np.int64)
    stack[:, 0] = lengths - 1
    height = np.ones(len(u), np.int64)

    def push(which: Integers, what: Integers | int) -> None:
        stack[which, height[which]] = what
        height[which] += 1

    for step in range(steps):
        busy = rows[height > 0]
        if not len(busy):
            break
        height[busy] -= 1
        n, chance = stack[busy, height[busy]], u[busy, step]
        digit, written = draw(MODULUS, chance), busy[n < 0]
        symbols[busy[n == 1], step] = digit[n == 1]
        symbols[busy[n == 2], step] = MINUS
        symbols[busy[n >= 3], step] = OPEN
        symbols[written, step] = np.where(-n == PLUS, PLUS + draw(3, chance), -n)[n < 0]
        push(busy[n >= 3], -CLOSE)
        push(busy[n == 3], 1)
        push(busy[n == 4], 2)
        push(busy[n == 2], 1)
        long = n >= 5
        left = 1 + ((n[long] - 4) * chance[long]).astype(np.int64)
        push(busy[long], n[long] - 3 - left)
        push(busy[long], -PLUS)  # any operator
        push(busy[long], left)
    answers = np.full(u.shape, NONE)
    answers[rows, lengths - 1] = _value(symbols, lengths)
    return symbols, answers


def _value(symbols: Integers, lengths: Integers) -> Integers:
    """(B,) values of bracketed expressions, read from the left.

    An open bracket holds the value of what stands in it so far, and the operator that waits for its right side. A minus
    that has no left side is the sign of the digit behind it.
    """
    rows, (count, steps) = np.arange(len(symbols)), symbols.shape
    held = np.zeros((count, steps // 2 + 2), np.int64)
    waiting = np.full((count, steps // 2 + 2), PLUS)
    depth, before = np.zeros(count, np.int64), np.full(count, OPEN)
    sign = np.ones(count, np.int64)
    for step in range(steps):
        symbol, inside = symbols[:, step], step < lengths - 1
        opens, closes, digit = inside & (symbol == OPEN), inside & (symbol == CLOSE), inside & (symbol < MODULUS)
        value = np.where(closes, held[rows, depth], sign * symbol)
        depth += opens
        depth -= closes
        held[rows[opens], depth[opens]], waiting[rows[opens], depth[opens]] = 0, PLUS
        left, operator = held[rows, depth], waiting[rows, depth]
        result = np.where(operator == TIMES, left * value, left + np.where(operator == MINUS, -value, value)) % MODULUS
        held[rows, depth] = np.where(closes | digit, result, left)
        first = (before == OPEN) | ((before >= PLUS) & (before <= TIMES))
        sign = np.where(first & (symbol == MINUS), -1, 1)
        operates = inside & ~first & (symbol >= PLUS) & (symbol <= TIMES)
        waiting[rows, depth] = np.where(operates, symbol, operator)
        before = symbol
    return held[:, 0]


MODULAR_ARITHMETIC = Language((*DIGITS, *"+-*="), DIGITS, _chain, shortest=2, stride=2)

MODULAR_ARITHMETIC_BRACKETS = Language((*DIGITS, *"+-*=()"), DIGITS, _bracketed, shortest=2, every=False)
