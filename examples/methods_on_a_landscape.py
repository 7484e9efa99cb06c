"""The lecture's eight methods on a function of two variables of yours, drawn on its map.

    python examples/methods_on_a_landscape.py [OUT.svg]

Put your own function, start and, if you know it, minimiser in place of these.
"""

import sys

import jax.numpy as jnp
import numpy as np

import steepest as st
from steepest.lecture.methods import on_landscape


def himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def valley(x):
    return jnp.log(jnp.cosh(4 * (x[0] - x[1]))) + 0.1 * (x[0] + x[1] - 1) ** 2


out = sys.argv[1] if len(sys.argv) > 1 else "methods.svg"
panels = [
    on_landscape(himmelblau, np.array([4.0, 4.0]), steps=40, title="Himmelblau's function"),
    on_landscape(
        valley,
        np.array([-1.0, -0.8]),
        steps=40,
        minimizer=np.array([0.5, 0.5]),
        title="a valley",
    ),
]
for panel, name in zip(panels, (out, out.replace(".", "_2.")), strict=True):
    st.plot(panel).figure.savefig(name, bbox_inches="tight")
    print(f"wrote {name}: {', '.join(path.label for path in panel.paths)}")
