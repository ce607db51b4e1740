"""The search for the largest block against all subsets, one by one; and that it is over at once when there is none."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from langevin_ib.laws.level_sets.coordinate_block import largest_block


@pytest.mark.parametrize("seed", range(60))
def test_it_is_as_large_as_the_best_of_all_subsets(seed: int) -> None:
    source = np.random.default_rng(seed)
    size = int(source.integers(1, 8))
    pairs = list(itertools.combinations_with_replacement(range(size), 2))
    density = source.choice([0.05, 0.2, 0.6])
    involved = {pair: {k for k in range(size) if source.random() < density / size * 2} for pair in pairs}

    def allowed(block: tuple[int, ...]) -> bool:
        inside = itertools.combinations_with_replacement(block, 2)
        return not any(involved[pair] & set(block) for pair in inside)

    best = max(
        len(block) for n in range(size + 1) for block in itertools.combinations(range(size), n) if allowed(block)
    )
    for most_left in range(size + 1):
        found = largest_block(range(size), lambda a, b: involved[min(a, b), max(a, b)], most_left)
        if size - best > most_left:
            assert found is None
        else:
            assert found is not None
            assert len(found) == best
            assert allowed(found)


def test_that_there_is_none_among_hundreds_is_known_after_a_few_pairs() -> None:
    calls = []

    def involved(a: int, b: int) -> set[int]:
        calls.append((a, b))
        return {a, b}

    began = time.process_time()
    assert largest_block(range(500), involved, 2) is None
    assert len(calls) <= 4
    assert time.process_time() - began < 1.0
