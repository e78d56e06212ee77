"""Which pictures look alike, by the Hamming distance of their perceptual hashes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt64

_BLOCK = 256  # rows compared with all others at once


def as_hashes(digits: list[str]) -> UInt64[np.ndarray, "n"]:
    """64-bit hashes from their hexadecimal digits."""
    return np.array([int(d, 16) for d in digits], dtype=np.uint64)


def _distances(
    some: UInt64[np.ndarray, "n"], others: UInt64[np.ndarray, "m"]
) -> UInt8[np.ndarray, "n m"]:
    return np.bitwise_count(some[:, None] ^ others[None])


def nearest_neighbours(
    hashes: UInt64[np.ndarray, "n"],
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """For each picture the index of the most similar other one and their distance in bits.

    Among equals the first; -1 and 65 for a picture that is alone.
    """
    count = len(hashes)
    nearest, distance = np.full(count, -1), np.full(count, 65)
    if count < 2:
        return nearest, distance
    for start in range(0, count, _BLOCK):
        rows = slice(start, min(start + _BLOCK, count))
        apart = _distances(hashes[rows], hashes)
        apart[np.arange(len(apart)), np.arange(rows.start, rows.stop)] = 65
        nearest[rows] = apart.argmin(axis=1)
        distance[rows] = apart.min(axis=1)
    return nearest, distance


def earlier_duplicates(
    hashes: UInt64[np.ndarray, "n"],
    colors: Float[np.ndarray, "n 3"],
    max_distance: int,
    max_color: float,
) -> Int[np.ndarray, "n"]:
    """For each picture the index of the earliest kept one that it repeats, -1 for a kept one.

    Pictures are taken in order; one is kept unless a kept one lies within both distances. The
    colours are compared by their largest difference: a hash sees brightness alone.
    """
    count = len(hashes)
    original = np.full(count, -1)
    kept = np.zeros(0, dtype=np.int64)
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        original[rows] = _first_alike(hashes, colors, rows, kept, max_distance, max_color)
        for row in rows[original[rows] < 0]:
            fresh = np.arange(start, row)
            fresh = fresh[original[start:row] < 0]
            original[row] = _first_alike(
                hashes, colors, np.array([row]), fresh, max_distance, max_color
            )[0]
        kept = np.concatenate([kept, rows[original[rows] < 0]])
    return original


def _first_alike(
    hashes: UInt64[np.ndarray, "n"],
    colors: Float[np.ndarray, "n 3"],
    rows: Int[np.ndarray, "r"],
    candidates: Int[np.ndarray, "k"],
    max_distance: int,
    max_color: float,
) -> Int[np.ndarray, "r"]:
    """The first candidate that each row is alike, -1 for none."""
    result = np.full(len(rows), -1)
    if not len(candidates):
        return result
    close = _distances(hashes[rows], hashes[candidates]).astype(np.int64) <= max_distance
    for index in np.flatnonzero(close.any(axis=1)):
        near = candidates[close[index]]
        apart = np.abs(colors[near] - colors[rows[index]]).max(axis=1)
        if (apart <= max_color).any():
            result[index] = near[np.argmax(apart <= max_color)]
    return result
