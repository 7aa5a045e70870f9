"""Random bits that are the same on every array library: a keyed mix of a counter.

The standard has no random numbers, and each library's own differ. Here element i of a stream is a hash of i
and the key, in 32-bit integer arithmetic that wraps alike everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..namespace import namespace
from ..typing import Array, Device, Shape


class Key(NamedTuple):
    """What a stream depends on: two int32 words of shape (1,), which may change per step, and a static salt."""

    first: Array
    second: Array
    salt: int = 0


def make_key(words: Array, count: Array, *, salt: int = 0) -> Key:
    """The key of draw number `count` of the stream whose two seed words are `words`.

    words (2,) int32, count (1,) int32. Counts and salts are put into the words and not hashed, since the
    mix of every element follows: different counts give different second words (the factor is odd).
    """
    return Key(words[0:1], words[1:2] + count * -1640531527, salt)  # 2^32 / golden ratio, as int32


def bits(key: Key, shape: Shape, *, device: Device = None) -> Array:
    """Uniform random int32, the whole range.

    Two rounds of multiply and xor-shift over a counter (the constants are Chris Wellons' lowbias32), the
    first key word mixed in before and the second between them. Good for dropout, not for cryptography.
    """
    xp = namespace(key.first)
    x = xp.arange(math.prod(shape), dtype=xp.int32, device=device)
    x = x ^ (key.first ^ _signed(key.salt * 0x9E3779B1))
    x = (x ^ _shift_right(x, 16)) * 0x7FEB352D
    x = x ^ key.second
    x = (x ^ _shift_right(x, 15)) * _signed(0x846CA68B)
    return xp.reshape(x ^ _shift_right(x, 16), shape)


def _shift_right(x: Array, count: int) -> Array:
    return (x >> count) & (0xFFFFFFFF >> count)  # int32 shifts copy the sign bit; a logical shift wants zeros


def _signed(word: int) -> int:
    return (word + 2**31) % 2**32 - 2**31
