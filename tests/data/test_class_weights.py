"""Class weights by their definition."""

import numpy as np

from xpnet.data import class_weights


def test_balanced_is_n_over_classes_times_count():
    numbers = np.array([0, 0, 0, 1])
    assert class_weights("balanced", numbers, (0, 1)).tolist() == [4 / (2 * 3)] * 3 + [4 / (2 * 1)]


def test_a_class_that_is_absent_does_not_count():
    assert class_weights("balanced", np.array([0, 0, 2, 2]), (0, 1, 2)).tolist() == [1.0] * 4
