"""JAX as its documentation writes a training loop: a pure loss, value_and_grad, Adam by optax, jit.

The samples lie on the device and the state is donated. "jit" calls a compiled step per batch; "scan", the
expert's, a compiled epoch: lax.scan over the batches. Without optax, Adam is written by hand.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import talk
import task

try:
    import optax
except ImportError:
    optax = None


def forward(params, x):
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def objective(params, x, y):
    logits = forward(params, x)
    if logits.shape[1] == 1:  # known while it is traced
        return jnp.mean(jax.nn.softplus(logits[:, 0]) - logits[:, 0] * y)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -jnp.mean(chosen)


class HandAdam:
    """optax.adam's two functions."""

    def init(self, params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return jnp.zeros((), "int32"), zeros, jax.tree.map(jnp.zeros_like, params)

    def update(self, grads, state):
        t, m, v = state[0] + 1, state[1], state[2]
        m = jax.tree.map(lambda m, g: task.BETA1 * m + (1 - task.BETA1) * g, m, grads)
        v = jax.tree.map(lambda v, g: task.BETA2 * v + (1 - task.BETA2) * g * g, v, grads)
        scale = task.RATE / (1 - task.BETA1**t)
        root = jnp.sqrt(1 - task.BETA2**t)
        moves = jax.tree.map(lambda m, v: -scale * m / (jnp.sqrt(v) / root + task.EPS), m, v)
        return moves, (t, m, v)


ADAM = optax.adam(task.RATE) if optax else HandAdam()


def step(params, state, x, y, rows):
    loss, grads = jax.value_and_grad(objective)(params, x[rows], y[rows])
    moves, state = ADAM.update(grads, state)
    return jax.tree.map(jnp.add, params, moves), state, loss


@partial(jax.jit, donate_argnums=(0, 1))
def epoch(params, state, x, y, order):
    def body(carry, rows):
        *carry, loss = step(*carry, x, y, rows)
        return tuple(carry), loss

    (params, state), losses = jax.lax.scan(body, (params, state), order)
    return params, state, losses


jitted = jax.jit(step, donate_argnums=(0, 1))


class Jax(talk.Contestant):
    def __init__(self, given, x, y, variant) -> None:
        super().__init__(given, x, y, variant)
        self.samples, self.labels = jnp.asarray(x), jnp.asarray(y)

    def start(self) -> None:
        self.params = jax.tree.map(jnp.array, task.weights(self.task))
        self.state = ADAM.init(self.params)
        self.done = 0

    def epochs(self, count: int) -> None:
        params, state, x, y = self.params, self.state, self.samples, self.labels
        for _ in range(count):
            order = task.order(self.task, self.done).astype("int32")
            if self.variant == "scan":
                params, state, _ = epoch(params, state, x, y, jnp.asarray(order))
            else:
                for rows in order:
                    params, state, _ = jitted(params, state, x, y, rows)
            self.done += 1
        self.params, self.state = jax.block_until_ready((params, state))

    def weights(self):
        return jax.tree.map(np.asarray, self.params)

    def about(self) -> str:
        adam = f"optax {optax.__version__}" if optax else "Adam by hand"
        return f"jax {jax.__version__}, {adam}, on {jax.devices()[0].platform}"


if __name__ == "__main__":
    talk.serve(Jax)
