"""Options of activations other than their defaults, for the tests of natives."""

OPTIONS = {
    "celu": {"alpha": 0.7},
    "elu": {"alpha": 1.3},
    "gelu": {"approximate": True},
    "hard_tanh": {"min_val": -0.5},
    "leaky_relu": {"alpha": 0.3},
    "softplus": {"beta": 1.7, "threshold": 2.0},
}
