"""The laws that `theory.density` knows, family by family.

- `request`: what is asked, checked, and the words of answers and refusals.
- `line_integrals`, `directions`, `series`, `log_table`, `scalings`: inner integrals, many at once, and tables of them.
- `gaussian`, `product`: affine observables of quadratic potentials; theta = u v in the plane.
- `block_measure`, `block`, `block_law`, `hadamard`, `chain`, `torus`, `matrix`: models with a symmetry, on slices, in
  shells and in the plane; `symmetric` finds the one that it is.
- `tracing`, `pieces`, `branches`, `curve`: any observable on a slice that is made of curves, `Model(slice=...)` too.
- `roots`, `nested`, `tabulated`, `fibres`, `pushforward`: any function of few parameters, by quadrature over its level
  sets.
- `absorption`, `virial`: where there is no law, and expectations that are known for any loss.
- `slice_rivals`: wrong laws that are worth rejecting.
"""
