"""The estimator is one of scikit-learn: its own checks, pipelines, grid search; and it has the recipe's weights."""

from __future__ import annotations

import numpy as np
import pytest
from langevin_ib import design
from langevin_ib.errors import InvalidArgumentError

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

RNG = np.random.default_rng(20260119)
X = RNG.standard_normal((60, 8))
Y = 2.0 * X[:, 1] - X[:, 5] + 3.0 + 0.1 * RNG.standard_normal(60)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_s_own_checks() -> None:
    check_estimator(design.DesignedRegressor(strength=0.05))


def test_it_is_the_lasso() -> None:
    ours = design.DesignedRegressor(strength=0.1).fit(X, Y)
    theirs = Lasso(alpha=ours.fit_.lam, tol=1e-12).fit(X, Y)
    assert np.allclose(ours.coef_, theirs.coef_, atol=1e-8)
    assert ours.intercept_ == pytest.approx(theirs.intercept_)
    assert np.allclose(ours.predict(X), theirs.predict(X))


def test_in_pipelines_and_grids() -> None:
    pipeline = make_pipeline(StandardScaler(), design.DesignedRegressor())
    assert pipeline.fit(X, Y).score(X, Y) > 0.99
    grid = {"strength": [0.5, 0.05], "penalty": ["l1", "mcp"]}
    best = GridSearchCV(design.DesignedRegressor(), grid, cv=3).fit(X, Y)
    assert best.best_params_["strength"] == 0.05


@pytest.mark.parametrize(
    "options", [{"penalty": "group", "groups": [0, 0, 1, 1, 2, 2, 3, 3]}, {"depth": 3}, {"penalty": "scad"}]
)
def test_other_penalties(options) -> None:
    found = design.DesignedRegressor(strength=0.05, **options).fit(X, Y)
    assert abs(found.coef_[1] - 2.0) < 0.2
    assert found.score(X, Y) > 0.98


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"penalty": "l0"}, "unknown"),
        ({"penalty": "group"}, "needs groups="),
        ({"cv": 1}, "cv"),
        ({"strength": 2}, "share"),
    ],
)
def test_bad_options_are_refused(options, why) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        design.DesignedRegressor(**options).fit(X, Y)
    with pytest.raises(NotFittedError):
        design.DesignedRegressor(**options).predict(X)


def test_a_constant_needs_no_features() -> None:
    found = design.DesignedRegressor().fit(X, np.full(60, 3.0))
    assert (found.intercept_, np.abs(found.coef_).max()) == (3.0, 0.0)
