"""Random bits that are the same on every array library: a keyed mix of a counter.

The standard has no random numbers, and each library's own differ. Here element i of a stream is a hash of i
and the key, in 32-bit integer arithmetic that wraps alike everywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..namespace import namespace, replaceable
from ..typing import Array, Device, Shape

_GOLDEN = -1640531527  # 2^32 / golden ratio, as int32; odd, so that different counts stay different


class Key(NamedTuple):
    """The key of a stream: two int32 words of shape (1,), which change per step, and a static salt."""

    first: Array
    second: Array
    salt: int = 0


@replaceable
def make_key(words: Array, count: Array, /, *, salt: int = 0) -> Key:
    """The key of draw number `count` of the stream whose two seed words are `words`.

    words (2,) int32, count (1,) int32;
    first = mix(words_1 + count g, words_0), second = mix(first, words_1), g the odd number 2^32 / golden ratio
    The count is hashed, since streams whose keys differed in a pattern would have masks that resemble each other.
    """
    first = mix(words[1:2] + count * _GOLDEN, words[0:1])
    return Key(first, mix(first, words[1:2]), salt)


def bits(key: Key, shape: Shape, *, device: Device = None) -> Array:
    """Uniform random int32, the whole range.

    element i = mix(i ^ first ^ mix(salt), second)
    Good for dropout, not for cryptography.
    """
    xp = namespace(key.first)
    counter = xp.arange(math.prod(shape), dtype=xp.int32, device=device)
    return xp.reshape(mix(counter ^ salted(key), key.second), shape)


def salted(key: Key) -> Array:
    """The key's first word with its salt, (1,)."""
    return key.first ^ _signed(_mix_number(key.salt))


def mix(x: Array, word: Array | int = 0) -> Array:
    """A hash of int32, a bijection for each word: two rounds of xor-shift and multiply, the word between them.

    x ^= x >> 16; x *= 0x7feb352d; x ^= word; x ^= x >> 15; x *= 0x846ca68b; x ^= x >> 16, the shifts logical
    Source: Chris Wellons, 2018, hash function prospector, lowbias32.
    """
    x = (x ^ _shift_right(x, 16)) * 0x7FEB352D ^ word
    x = (x ^ _shift_right(x, 15)) * _signed(0x846CA68B)
    return x ^ _shift_right(x, 16)


def _mix_number(x: int) -> int:
    """`mix` of a number below 2^32."""
    x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
    x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
    return x ^ (x >> 16)


def _shift_right(x: Array, count: int) -> Array:
    return (x >> count) & (0xFFFFFFFF >> count)  # int32 shifts copy the sign bit; a logical shift wants zeros


def _signed(word: int) -> int:
    return (word + 2**31) % 2**32 - 2**31
