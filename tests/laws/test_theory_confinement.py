"""Laws of models with a confinement or data: the right one, never that of another potential."""

import langevin_ib as lib
import numpy as np
import pytest
import sympy
from scipy.integrate import quad

U, V = lib.parameters("u v")
(X,) = lib.parameters("x,")


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_law_of_a_confined_product_model_is_not_that_of_the_model_without(decay):
    confined = lib.Model(
        parameters=(U, V), predictor={"theta": U * V}, loss=(U * V - 1) ** 2 / 2, confinement=2 * (U**2 + V**2)
    )
    plain = lib.Model(parameters=(U, V), predictor={"theta": U * V}, loss=(U * V - 1) ** 2 / 2)
    law = lib.density(confined, "theta", dynamics=lib.Ambient(weight_decay=decay), temperature=0.1)
    right, wrong = (lib.density(plain, "theta", dynamics=lib.Ambient(d), temperature=0.1) for d in (decay + 4.0, 0.1))
    np.testing.assert_allclose(law.pdf([-0.1, 0.02, 0.3]), right.pdf([-0.1, 0.02, 0.3]), rtol=1e-10)
    assert abs(law.pdf(0.3) / wrong.pdf(0.3) - 1) > 0.1


def test_the_law_of_one_confined_parameter_has_the_confinement():
    model = lib.Model(parameters=(X,), predictor={"x": X}, loss=sympy.cosh(X - 1), confinement=X**4)
    law = lib.density(model, "x", dynamics=lib.Ambient(), temperature=0.5)

    def weight(x, power=0):
        return x**power * np.exp(-(np.cosh(x - 1) + x**4) / 0.5)

    assert law.mean() == pytest.approx(quad(weight, -4, 4, args=(1,))[0] / quad(weight, -4, 4)[0], rel=1e-8)


@pytest.mark.parametrize("parameters", [(X,), (U, V)])
def test_the_law_of_a_model_with_data_is_that_of_the_same_sum_written_out(parameters):
    y, i = sympy.IndexedBase("y"), sympy.Idx("i", 3)
    theta = sympy.Mul(*parameters)
    loss = sympy.Sum((theta - y[i]) ** 2, (i, 0, 2))
    summed = lib.Model(parameters=parameters, predictor={"theta": theta}, loss=loss, data={"y": np.arange(3.0)})
    written = lib.Model(parameters=parameters, predictor={"theta": theta}, loss=sum((theta - k) ** 2 for k in range(3)))
    one, other = (
        lib.density(model, "theta", dynamics=lib.Ambient(weight_decay=0.1), temperature=0.1)
        for model in (summed, written)
    )
    np.testing.assert_allclose(one.pdf([0.1, 0.9, 1.2]), other.pdf([0.1, 0.9, 1.2]), rtol=1e-12)
