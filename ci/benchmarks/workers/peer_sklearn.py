"""scikit-learn's MLPClassifier: one `fit` for all epochs, as its documentation has it.

Its weights are set as the other contestants' are: `warm_start=True` goes on from `coefs_` and `intercepts_`,
which are public. Its order of samples cannot be set, which changes the loss by 1 % at most on these samples.
alpha 0: the others have no penalty. It never stops early, and skips the checks of its arguments.
"""

import warnings

import numpy as np
import sklearn
import talk
import task
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

sklearn.set_config(assume_finite=True, skip_parameter_validation=True)
warnings.simplefilter("ignore", ConvergenceWarning)  # it is right: nothing has converged after a few epochs


class Sklearn(talk.Contestant):
    def start(self) -> None:
        self.model = MLPClassifier(
            self.task.sizes[1:-1],
            solver="adam",
            alpha=0.0,
            batch_size=self.task.batch,
            learning_rate_init=task.RATE,
            max_iter=1,
            tol=0.0,
            n_iter_no_change=10**9,
            warm_start=True,
            random_state=0,
        )
        few = np.concatenate([np.flatnonzero(self.y == label)[:10] for label in np.unique(self.y)])
        self.model.set_params(batch_size=1).fit(self.x[few], self.y[few])
        self.model.set_params(batch_size=self.task.batch)
        layers = task.weights(self.task)
        self.model.coefs_, self.model.intercepts_ = [w for w, _ in layers], [b for _, b in layers]

    def epochs(self, count: int) -> None:
        self.model.set_params(max_iter=count)
        self.model.fit(self.x, self.y)

    def weights(self):
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))

    def about(self) -> str:
        return f"scikit-learn {sklearn.__version__}"


if __name__ == "__main__":
    talk.serve(Sklearn)
