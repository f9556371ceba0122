"""The loops of `kernels.c` once more in plain Python: what the compiled ones are held against."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isn.carriers.trellis import CODE as CARRYING
from isn.carriers.trellis import RUN, nearest
from isn.codes.entropy import dependent, rans
from isn.viterbi import Convolutional

NEVER = 1 << 30


def shortest(code: Convolutional, costs: NDArray[Any]) -> list[int]:
    """The labels of the word that costs least (Viterbi): costs are time x 4, of one type."""
    # Of lists, whose numbers are got at several times as fast as an array's.
    before, label = (ways.tolist() for ways in code.ways)
    kind = costs.dtype.type
    total = [kind(NEVER if state else 0) for state in range(code.states)]
    chosen = []
    for cost in map(list, costs):
        sums = [
            [total[one] + cost[two] for one, two in zip(before[way], label[way], strict=True)]
            for way in range(2)
        ]
        chosen.append([int(two < one) for one, two in zip(*sums, strict=True)])
        total = [min(one, two) for one, two in zip(*sums, strict=True)]
    state, labels = total.index(min(total)), []
    for ways in reversed(chosen):
        way = ways[state]
        labels.append(label[way][state])
        state = before[way][state]
    return labels[::-1]


def quantised(
    values: NDArray[np.float32], classes: NDArray[np.uint8], side: int
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Numbers and kinds of flat values, of runs that lie so many side by side."""
    numbers, kinds = np.zeros(len(values), np.int32), np.zeros(len(values), np.uint8)
    costs, one = rans.costs(), np.float32
    for run in range(min(side, len(values))):
        size = np.abs(values[run::side])
        own = classes[run::side].astype(int)
        found = np.zeros((4, len(size)), np.float32)
        price = np.zeros((-(-len(values) // side), 4), np.float32)
        for each in range(4):
            odd, high = each & 1, each >> 1
            leaning = size - dependent._leans()[own]
            place = (leaning + one(0.5 * odd) - one(high)) * one(0.5) + one(0.5)
            nearest_one = np.maximum(one(2) * np.floor(place) + one(high), one(high))
            found[each] = np.where((leaning < one(0.75)) & (high == 0), 0, nearest_one)
            steps = found[each] - one(0.5 * odd) * (found[each] > 0)
            steps = np.where(steps == one(0.5), one(0.5) + one(0.5) / one(10), steps)
            bits = costs[odd, own, np.minimum(found[each], rans.COSTED - 1).astype(int)]
            price[: len(size), each] = (size - steps) ** 2 + one(dependent.WORTH) * bits
        labels = np.array(shortest(dependent.CODE, price))[: len(size)]
        chosen = np.take_along_axis(found, labels[None], 0)[0].astype(np.int32)
        numbers[run::side] = np.where(values[run::side] < 0, -chosen, chosen)
        kinds[run::side] = own + 64 * (labels & 1)
    return numbers, kinds


def split(number: int, kind: int) -> tuple[int, int]:
    """The symbol of a number, and the bits below it."""
    tables = rans._tables()
    shift, reach = int(tables.shift[kind]), int(tables.reach[kind])
    high, low = divmod(number + (1 << shift >> 1), 1 << shift)
    return (rans._ESCAPE, 0) if abs(high) > reach else (high + rans._REACH, low)


def encoded(parts: list[rans.Part], total: int) -> bytes:
    """What :class:`isn.codes.entropy.rans.Encoder` makes of some parts."""
    tables, side = rans._tables(), rans.lanes(total)
    states, words, escapes, loose = [1 << 32] * side, [], [], []
    for numbers, kinds in parts:
        for number, kind in zip(numbers.tolist(), kinds.tolist(), strict=True):
            symbol, low = split(number, kind)
            escapes += [number] if symbol == rans._ESCAPE else []
            loose += [low >> bit & 1 for bit in reversed(range(tables.shift[kind]))]
    for numbers, kinds in reversed(parts):
        for place in reversed(range(len(numbers))):
            kind = int(kinds[place])
            symbol, _ = split(int(numbers[place]), kind)
            often, start = (int(each[kind, symbol]) for each in (tables.frequency, tables.start))
            state = states[place % side]
            if state >= often << 48:
                words.append(state & 0xFFFFFFFF)
                state >>= 32
            states[place % side] = (state // often << 16) + state % often + start
    body = [half for state in states for half in (state & 0xFFFFFFFF, state >> 32)]
    body += words[::-1]
    head = np.array([len(body), len(escapes), *body], "<u4").tobytes()
    return (
        head + np.array(escapes, "<i4").tobytes() + np.packbits(np.array(loose, np.uint8)).tobytes()
    )


def digits(samples: int, content: bytes) -> list[tuple[int, int]]:
    """Digit and width of each sample that carries some of a content, evenly mixed."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8)).tolist()
    before = [sample * len(bits) // samples for sample in range(samples + 1)]
    return [
        (int("".join(map(str, bits[one:two])) or "0", 2), two - one)
        for one, two in pairwise(before)
    ]


def carried(host: NDArray[np.uint8], content: bytes) -> NDArray[np.uint8]:
    """Samples that carry a content: what :func:`isn.carriers.trellis.carry` makes."""
    container, said = host.copy(), digits(len(host), content)
    there = [place for place, (_, width) in enumerate(said) if width]
    for first in range(0, len(there), RUN):
        run = there[first : first + RUN]
        costs, ways, state = np.zeros((RUN, 4), np.int32), [], 0
        for time, place in enumerate(run):
            value, (digit, width) = int(host[place]), said[place]
            low = width - 1
            bit = (digit >> low ^ state) & 1
            state = state >> 1 ^ bit * (CARRYING.taps[0] >> 1)
            numbers = [digit & (1 << low) - 1 | (label ^ bit) << low for label in range(4)]
            row = nearest(host[[place] * 4], np.array(numbers, np.uint8), 4 << low).astype(int)
            ways.append(row)
            costs[time] = (row - value) ** 2
        for place, row, label in zip(run, ways, shortest(CARRYING, costs), strict=False):
            container[place] = row[label]
    return container


def read(container: NDArray[np.uint8], size: int) -> bytes:
    """The bytes that samples carry, by the sum of the taps."""
    loose: list[int] = []
    labels: list[int] = []
    for value, (_, width) in zip(
        container.tolist(), digits(len(container), bytes(size)), strict=True
    ):
        if not width:
            continue
        labels = [] if len(labels) == RUN else labels
        labels.append(value >> width - 1)
        highest = 0
        # No tap reaches further back.
        for back, label in enumerate(labels[: -1 - max(CARRYING.taps).bit_length() : -1]):
            one, two = (taps >> back & 1 for taps in CARRYING.taps)
            highest ^= one & label ^ two & label >> 1
        loose += [highest, *(value >> bit & 1 for bit in reversed(range(width - 1)))]
    return np.packbits(np.array(loose, np.uint8)).tobytes()


def joined(a: int, b: int) -> int:
    """What two beliefs of two bits say of their sum."""
    one, two = abs(a), abs(b)
    size = min(one, two) + max((22 - one - two) >> 2, 0) - max((22 - abs(one - two)) >> 2, 0)
    return min(max(size, 0), 511) * (-1 if (a < 0) != (b < 0) else 1)


Edges = list[list[tuple[int, int]]]


def believed(
    belief: list[int], columns: int, size: int, edges: Edges, rounds: int
) -> tuple[list[int], int]:
    """The beliefs of a low-density code's bits in the end, and the rounds that it took.

    Args:
        belief: of each bit; the parity bits follow on `columns` of data bits.
        columns: of data bits.
        size: bits of a column.
        edges: columns and shifts of each row of checks.
        rounds: how many are allowed.
    """
    # A bit that is always zero stands before the first parity bit.
    zero = len(belief)
    belief = [*belief, 2047]
    checks = [
        _bits_of(columns, size, edges, row, s, zero)
        for row in range(len(edges))
        for s in range(size)
    ]
    told = [[0] * len(check) for check in checks]
    used = 0
    while any(sum(belief[bit] < 0 for bit in check) % 2 for check in checks):
        used += 1
        if used > rounds:
            break
        for check, own in zip(checks, told, strict=True):
            _hear(belief, check, own, zero)
    return belief[:zero], used


def _bits_of(columns: int, size: int, edges: Edges, row: int, s: int, zero: int) -> list[int]:
    """The bits of one check: data, its own parity, the parity before it."""
    parity = columns * size
    own = parity + row * size + s
    before = own - size if row else parity + (len(edges) - 1) * size + s - 1
    data = [column * size + (s + shift) % size for column, shift in edges[row]]
    return [*data, own, before if row or s else zero]


def _hear(belief: list[int], check: list[int], told: list[int], zero: int) -> None:
    """One check tells each of its bits what the others say of it."""
    heard = [belief[bit] - message for bit, message in zip(check, told, strict=True)]
    before, after = [heard[0]], [heard[-1]]
    for each in heard[1:-1]:
        before.append(joined(before[-1], each))
    for each in heard[-2:0:-1]:
        after.append(joined(after[-1], each))
    after.reverse()
    told[:] = [after[0], *map(joined, before, after[1:]), before[-1]]
    for bit, one, two in zip(check, heard, told, strict=True):
        if bit != zero:
            belief[bit] = one + two


def syndrome(bits: list[int], columns: list[int], ends: list[int]) -> list[int]:
    """The message in bits: H y, a row whole where it ends."""
    total, message = 0, []
    for bit, column, end in zip(bits, columns, ends, strict=True):
        total ^= column if bit else 0
        if end:
            message.append(total & 1)
            total >>= 1
    return message


def least_cost(
    bits: list[int],
    costs: list[int],
    columns: list[int],
    ends: list[int],
    message: list[int],
    height: int,
) -> int:
    """What it costs at least to change bits so that they say a message (Viterbi)."""
    total = {0: 0}
    said = iter(message)
    for bit, cost, column, end in zip(bits, costs, columns, ends, strict=True):
        after: dict[int, int] = {}
        for state, sofar in total.items():
            for value in (0, 1):
                to = state ^ (column if value else 0)
                spent = sofar + (cost if value != bit else 0)
                after[to] = min(after.get(to, NEVER), spent)
        if end:
            wanted = next(said)
            after = {to >> 1: spent for to, spent in after.items() if to & 1 == wanted}
        total = after
    assert max(total) < 1 << height
    return total[0]


def shuffled(items: list[int], random: list[int]) -> list[int]:
    """Items in an order drawn from as many random numbers below 2 ** 32 (Fisher and Yates)."""
    found = list(items)
    for k in range(len(found) - 1, 0, -1):
        other = random[k] * (k + 1) >> 32
        found[k], found[other] = found[other], found[k]
    return found
