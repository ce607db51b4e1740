"""What notebooks show: at once, escaped, from nothing but itself, and never an error in place of a result."""

from __future__ import annotations

import time
from html.parser import HTMLParser
from typing import Any

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from langevin_ib.display import curve

MODEL = lib.models.scalar_product()
DYNAMICS = lib.GaugeFixed(level=0.5)
RUN = lib.sample(
    MODEL,
    dynamics=DYNAMICS,
    temperature=0.3,
    step_size=0.01,
    steps=400,
    walkers=64,
    rng=0,
    progress=False,
    observe={"theta": lib.Histogram(bins=20, range=(-1, 3))},
)
LAW = lib.density(MODEL, "theta", dynamics=DYNAMICS, temperature=0.3)
COMPARISON = lib.compare(RUN["theta"], LAW)
GL = lib.models.matrix_factorization(4, 3, 3, group="gl")
DATA = lib.models.diagonal_network(2, data=(np.ones((3, 2)), np.ones(3)))
SHOWN = {
    "model": MODEL,
    "matrices": GL,
    "data": DATA,
    "process": RUN.process,
    "run": RUN,
    "law": LAW,
    "test": COMPARISON,
}


class Balance(HTMLParser):
    """Whether every element that is opened is closed, and what stands in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.names |= {tag, *(f"{name}=" for name, _ in attrs)}

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.names |= {tag, *(f"{name}=" for name, _ in attrs)}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(html: str) -> Balance:
    page = Balance()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("name", SHOWN)
def test_a_card_is_whole_and_needs_nothing_from_outside(name) -> None:
    page = parsed(SHOWN[name]._repr_html_())
    assert not page.names & {"script", "link", "img", "iframe", "style", "src=", "href=", "onload=", "onclick="}
    assert len("".join(page.texts)) > 40


@pytest.mark.parametrize("name", SHOWN)
def test_looking_takes_no_time(name) -> None:
    def look() -> float:
        start = time.perf_counter()
        SHOWN[name]._repr_html_()
        repr(SHOWN[name])
        return time.perf_counter() - start

    # Twenty milliseconds, on a machine that may be busy.
    assert min(look() for _ in range(3)) < 0.1


@pytest.mark.parametrize("name", SHOWN)
def test_a_repr_can_be_read(name) -> None:
    assert len(repr(SHOWN[name])) < 1500


def test_no_colour_is_taken_for_granted_but_those_that_both_grounds_bear() -> None:
    for each in SHOWN.values():
        html = each._repr_html_()
        assert "background" not in html
        assert "black" not in html
        assert "white;" not in html


def test_what_a_user_named_is_text() -> None:
    law = lib.Density.from_log_weight(lambda x: -(x**2), name="<script>alert(1)</script>&", reference="<b>", method='"')
    html = law._repr_html_()
    assert "&lt;script&gt;" in html
    assert not {"script", "b="} & parsed(html).names


def test_the_verdict_comes_first() -> None:
    assert "".join(parsed(COMPARISON._repr_html_()).texts).startswith("verdict: CONSISTENT")
    assert repr(COMPARISON).startswith("Comparison(consistent: ")
    shifted = lib.Density.from_log_weight(lambda x: -((x + 1.0) ** 2) * 5.0, name="elsewhere", reference="d theta")
    rejected = lib.compare(RUN["theta"], shifted)
    assert "".join(parsed(rejected._repr_html_()).texts).startswith("verdict: REJECTED")
    assert repr(rejected).startswith("Comparison(REJECTED: ")


def test_a_law_says_its_measure_and_its_error_and_shows_itself() -> None:
    html = LAW._repr_html_()
    assert "d theta" in html
    assert "right to 1e-13" in html
    assert "<polyline" in html


def test_a_law_that_refuses_is_still_shown() -> None:
    class Stubborn:
        def __getattr__(self, name: str) -> Any:
            raise lib.errors.UnsupportedModelError("no")

    law = lib.Density("a law", "d x", "quadrature", None, Stubborn(), 0.0)
    assert "a law" in law._repr_html_()
    assert "<svg" not in law._repr_html_()


@pytest.mark.parametrize("y", [[np.nan] * 3, [0.0] * 3, [np.inf] * 3])
def test_of_nothing_there_is_no_curve(y) -> None:
    assert curve([0.0, 1.0, 2.0], y, "x") == ""


def test_a_peak_does_not_flatten_the_rest() -> None:
    parsed(curve(np.linspace(0.0, 1.0, 50), [np.inf, *[1.0] * 48, 1e9], "x"))


def test_a_model_is_a_formula() -> None:
    assert r"\left(u v - 1\right)^{2}" in MODEL._repr_latex_()
    assert r"\sum_{k=0}^{2}" in DATA._repr_latex_()
    assert "<math>" in MODEL._repr_html_()


@pytest.mark.parametrize("rank", [2, 3])
def test_the_bias_of_gl_is_told_in_singular_values(rank) -> None:
    model = lib.models.matrix_factorization(4, 3, rank, group="gl")
    effective = lib.effective_loss(model, temperature=1.0)
    assert "log(sigma1**2 + sigma2**2)/2" in repr(effective)
    assert len(repr(effective)) < 500
    points = np.random.default_rng(0).normal(size=(5, model.dim))
    values = sympy.lambdify(model.parameters, effective.bias, modules=["numpy", _SINGULAR])
    by_formula = [values(*point) for point in points]
    np.testing.assert_allclose(by_formula, effective.bias_at(points), rtol=1e-12)
    bias = lib.implicit_bias(model, temperature=1.0)
    np.testing.assert_allclose(
        [float(bias.subs(dict(zip(model.parameters, points[0], strict=True))).evalf())],
        lib.implicit_bias(model, points[:1], temperature=1.0),
        rtol=1e-12,
    )


def _singular_value(k: int, rows: int, columns: int, *entries: float) -> float:
    return float(np.linalg.svd(np.reshape(entries, (rows, columns)), compute_uv=False)[k - 1])


_SINGULAR = {"SingularValue": _singular_value}
