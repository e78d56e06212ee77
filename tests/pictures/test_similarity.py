from __future__ import annotations

import numpy as np
import pytest

from dd3g_kedro.pictures.similarity import as_hashes, earlier_duplicates, nearest_neighbours


def random_hashes(count: int, seed: int = 0, bits: int = 10) -> np.ndarray:
    """Few bits, so that close pairs occur."""
    return np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint64)


def hamming(one: int, other: int) -> int:
    return (int(one) ^ int(other)).bit_count()


@pytest.mark.parametrize("count", [2, 3, 256, 257, 600])
def test_neighbours_are_those_of_the_double_loop(count: int):
    hashes = random_hashes(count, bits=40)
    nearest, distance = nearest_neighbours(hashes)
    for i in range(count):
        others = [(hamming(hashes[i], hashes[j]), j) for j in range(count) if j != i]
        assert (distance[i], nearest[i]) == min(others)


@pytest.mark.parametrize("count", [0, 1])
def test_a_lonely_picture_has_no_neighbour(count: int):
    nearest, distance = nearest_neighbours(random_hashes(count))
    assert nearest.tolist() == [-1] * count
    assert distance.tolist() == [65] * count


@pytest.mark.parametrize("count", [1, 300, 700])
@pytest.mark.parametrize("max_distance", [-1, 0, 1])
def test_duplicates_are_those_of_the_greedy_loop(count: int, max_distance: int):
    hashes = random_hashes(count)
    colors = np.random.default_rng(1).uniform(0, 0.1, (count, 3))
    expected: list[int] = []
    for i in range(count):
        like = [
            j
            for j in range(i)
            if expected[j] < 0
            and hamming(hashes[i], hashes[j]) <= max_distance
            and np.abs(colors[i] - colors[j]).max() <= 0.05
        ]
        expected.append(like[0] if like else -1)
    assert earlier_duplicates(hashes, colors, max_distance, 0.05).tolist() == expected


def test_the_same_shape_in_another_colour_is_no_duplicate():
    hashes = as_hashes(["00000000000000ff"] * 3)
    colors = np.array([[0.9, 0.1, 0.1], [0.1, 0.1, 0.9], [0.9, 0.11, 0.1]])
    assert earlier_duplicates(hashes, colors, 4, 0.03).tolist() == [-1, -1, 0]
