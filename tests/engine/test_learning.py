"""Folds never know their test, models are used from when they were known, and a row's inference is its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from tradeterm.engine.folds import purged_folds
from tradeterm.engine.learning import Model, Models, linear, logistic, one_hot


def model(known_from: int) -> Model:
    return Model(known_from=known_from, model_hash=f"{known_from:016x}", samples=1, arrays={})


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), min_size=1, max_size=120),
    st.integers(2, 6),
    st.integers(0, 10),
)
def test_nothing_that_a_fold_is_trained_on_matures_within_the_embargo_before_its_test(
    rows: list[tuple[int, int]], count: int, embargo: int
) -> None:
    time_ns = np.array([at for at, _ in rows], dtype=np.int64)
    matures_at = time_ns + np.array([wait for _, wait in rows])
    folds = purged_folds(time_ns, matures_at, count, embargo)
    for fold in folds:
        start = time_ns[fold.test].min()
        assert (matures_at[fold.train] <= start - embargo).all()
        assert (time_ns[fold.train] < start).all()
        assert fold.purged == (time_ns < start).sum() - len(fold.train) >= 0
        inside = np.isin(time_ns, time_ns[fold.test])
        assert sorted(np.flatnonzero(inside)) == sorted(fold.test), "a decision time is whole in its test"
    tested = np.concatenate([fold.test for fold in folds]) if folds else np.empty(0)
    assert len(tested) == len(np.unique(tested)), "no row is tested twice"
    if len(np.unique(time_ns)) > count:
        assert len(folds) == count


def test_without_purge_and_embargo_the_folds_are_those_of_scikit_learn() -> None:
    time_ns = np.arange(60, dtype=np.int64)
    folds = purged_folds(time_ns, time_ns, 5, 1)
    for fold, (train, test) in zip(folds, TimeSeriesSplit(n_splits=5).split(time_ns), strict=True):
        assert (fold.train.tolist(), fold.test.tolist()) == (train.tolist(), test.tolist())


def test_a_model_is_used_from_when_it_was_known_until_the_next() -> None:
    models = Models((model(10), model(20)))
    assert models.places(np.array([9, 10, 19, 20, 99])).tolist() == [-1, 0, 0, 1, 1]
    assert [models.at(time) for time in (9, 10, 20)] == [None, models.timeline[0], models.timeline[1]]
    assert models.upto(19).timeline == models.timeline[:1]
    assert len(models.upto(9)) == 0


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 64, 1000])
def test_a_row_s_bits_depend_on_no_other_row(rows: int) -> None:
    rng = np.random.default_rng(rows)
    inputs, factors = rng.normal(size=(rows, 23)), rng.normal(size=23)
    whole = logistic(linear(inputs, factors, 0.25))
    alone = [logistic(linear(inputs[row : row + 1], factors, 0.25))[0] for row in range(rows)]
    assert whole.tolist() == alone
    exact = [0.25 + sum(float(x) * float(w) for x, w in zip(row, factors, strict=True)) for row in inputs]
    np.testing.assert_allclose(whole, 1.0 / (1.0 + np.exp(-np.array(exact))), rtol=1e-12)


def test_a_state_that_was_never_seen_is_all_zeros() -> None:
    states = np.array([[0, 2], [1, 1], [2, 0]], dtype=np.int8)
    found = one_hot(states, np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 2.0]))
    assert found.tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
