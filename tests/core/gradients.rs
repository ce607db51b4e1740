//! A gradient is the derivative of its value, for every potential, by central differences in double precision.

use langevin_ib::dynamics::Ambient;
use langevin_ib::potential::{Formula, Harmonic, Product};

use crate::support::Numbers;

/// The derivative along one coordinate: two central differences, extrapolated to error O(step^4).
fn slope<V: Formula>(potential: &V, x: &[f64], coordinate: usize) -> f64 {
    let difference = |step: f64| {
        let value_at = |shift: f64| {
            let mut x = x.to_vec();
            x[coordinate] += shift;
            potential.value(&x)
        };
        (value_at(step) - value_at(-step)) / (2.0 * step)
    };
    (4.0 * difference(5e-4) - difference(1e-3)) / 3.0
}

/// The largest disagreement at random points within |x_i| < 3, relative to the gradient's size there.
fn disagreement<V: Formula>(potential: &V) -> f64 {
    let mut numbers = Numbers(4);
    let mut worst: f64 = 0.0;
    for _ in 0..200 {
        let x: Vec<f64> = numbers.units(potential.dim()).iter().map(|x| 3.0 * x).collect();
        let mut gradient = vec![f64::NAN; potential.dim()];
        potential.gradient(&x, &mut gradient);
        for (coordinate, &found) in gradient.iter().enumerate() {
            worst = worst.max((found - slope(potential, &x, coordinate)).abs() / (1.0 + found.abs()));
        }
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?} at {x:?}");
    }
    worst
}

#[test]
fn gradients_are_derivatives_of_values() {
    let harmonic = Harmonic { dim: 5, stiffness: 1.7 };
    let product = Product { target: -0.6 };
    assert!(disagreement(&harmonic) < 1e-10);
    assert!(disagreement(&product) < 1e-10);
    assert!(disagreement(&Ambient { potential: harmonic, weight_decay: 0.3 }) < 1e-10);
    assert!(disagreement(&Ambient { potential: product, weight_decay: 0.3 }) < 1e-10);
}

/// A gradient that is wrong by one part in a thousand.
#[derive(Clone, Copy)]
struct Wrong(Product);

impl Formula for Wrong {
    const OBSERVABLES: &'static [&'static str] = &[];
    fn dim(&self) -> usize {
        2
    }
    fn value<R: langevin_ib::real::Real>(&self, x: &[R]) -> R {
        self.0.value(x)
    }
    fn gradient<R: langevin_ib::real::Real>(&self, x: &[R], gradient: &mut [R]) {
        self.0.gradient(x, gradient);
        gradient[1] = gradient[1] * R::constant(1.001);
    }
    fn observable<R: langevin_ib::real::Real>(&self, _which: usize, x: &[R]) -> R {
        x[0]
    }
}

#[test]
fn a_wrong_gradient_is_noticed() {
    assert!(disagreement(&Wrong(Product { target: -0.6 })) > 1e-4);
}

#[test]
fn values_and_observables_are_the_documented_formulas() {
    let x = [1.5, -0.75];
    let product = Ambient { potential: Product { target: 0.5 }, weight_decay: 0.2 };
    let (theta, norm) = (1.5 * -0.75, 1.5 * 1.5 + 0.75 * 0.75);
    assert!((product.value(&x) - (0.5 * (theta - 0.5_f64).powi(2) + 0.1 * norm)).abs() < 1e-15);
    let observables: Vec<f64> = (0..3).map(|which| product.observable(which, &x)).collect();
    assert_eq!(observables, [theta, 1.5 * 1.5 - 0.75 * 0.75, norm]);
    let harmonic = Harmonic { dim: 2, stiffness: 3.0 };
    assert!((harmonic.value(&x) - 1.5 * norm).abs() < 1e-15);
    assert!((harmonic.observable(0, &x) - norm).abs() < 1e-15);
}
