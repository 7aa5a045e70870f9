"""Language models: the next character from those before it, by counting pairs, by a GRU and by a Transformer.

    loss = -log p(next character | the characters before it), the mean over a text that is held out
    bigram:       p(b | a) = (count of ab + 1) / (count of a + V), which sees one character
    GRU:          h_t = GRU(h_t-1, a_t), logits = h_t W + b, which carries what it has seen along
    Transformer:  every position looks at all before it, weighed by softmax(q k^T / sqrt(d))

A network that knows nothing guesses one of V characters, and its loss is log V. What is below the bigram's loss has
learned more than pairs. The text is Alice's Adventures in Wonderland, Lewis Carroll, 1865, its last chapter held out.
"""

import math
from pathlib import Path

import numpy as np

import xpnet as xn

from lesson import run

TEXT = Path(__file__).parent / "texts" / "alice.txt"
TIME = 64
SHORT_TIME = 16
BATCH = 32
FEATURES = 64
EPOCHS = 10
BRIEF_EPOCHS = 2
PHRASE = "said the Mock Turtle with a deep sigh"


def networks(size, time):
    """The two networks for an alphabet of `size` characters and texts of `time` characters."""
    near = {"initializer": ("normal", 0.1)}
    return {
        "GRU": xn.Sequential(xn.Embedding(size, FEATURES // 2), xn.GRU(FEATURES), xn.Dense(size)),
        "Transformer": xn.Sequential(
            xn.Embedding(size, FEATURES, **near),
            xn.PositionEmbedding(time),
            xn.TransformerBlock(4, causal=True, norm_first=True),
            xn.TransformerBlock(4, causal=True, norm_first=True),
            xn.LayerNorm(),
            xn.Dense(size),
        ),
    }


RATES = {"GRU": 5e-3, "Transformer": 3e-3}


def windows(ids, time, start=0):
    """(x, y), each (n, time): a text cut into pieces from `start` on, and what comes next at each place of them."""
    n = (len(ids) - 1 - start) // time
    stop = start + n * time
    return ids[start:stop].reshape(n, time), ids[start + 1 : stop + 1].reshape(n, time)


def bigram(ids, size):
    """(V, V): the probability of each character after each, by counting, with one more of every pair."""
    counts = np.ones((size, size))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def written(model, alphabet, start, length, time):
    """A text that goes on from `start`, each character drawn with the probability that the model gives it."""
    rng, text = np.random.default_rng(0), start
    while len(text) < length:
        seen = text[-time:]
        x = np.asarray([[alphabet.index(c) for c in seen.ljust(time)]])  # what follows has no say in it
        p = np.asarray(model.predict_proba(x)[0, len(seen) - 1], "float64")
        text += alphabet[rng.choice(len(alphabet), p=p / p.sum())]
    return text


def main(lesson):
    text = TEXT.read_text(encoding="utf-8")
    alphabet = sorted(set(text))
    ids, size = np.asarray([alphabet.index(c) for c in text]), len(alphabet)
    cut = text.index("CHAPTER XII")
    learned, held = ids[:cut], ids[cut:]
    print(f"  {len(learned)} characters to learn from, {len(held)} to test on, {size} different ones")
    p = bigram(learned, size)
    known = without_a_network(lesson, p, learned, held)
    curves, models, time = {}, {}, SHORT_TIME
    for name, network in networks(size, SHORT_TIME).items():
        models[name], curves[name] = three_steps(lesson, name, network, learned, held, math.log(size))
    if lesson.length != "least":
        time, epochs = TIME, EPOCHS if lesson.length == "full" else BRIEF_EPOCHS
        for name, network in networks(size, TIME).items():
            lesson.title(f"{name}: {epochs} epochs")
            models[name], curves[name] = learn(lesson, name, network, learned, held, epochs)
            lesson.expect(f"{name}: held out, below the bigram", curves[name][-1], (0, "to", known["bigram"]))
            print("  it writes: " + repr(written(models[name], alphabet, "Alice", 200, time)))
    if lesson.draw:
        draw(lesson, curves, known, models, p, alphabet, time)


def without_a_network(lesson, p, learned, held):
    """The losses of guessing, of each character's frequency and of the bigram; a table can hold the last."""
    lesson.title("Without a network: nats a character")
    x, y = windows(held, TIME)
    size = len(p)
    once = np.bincount(learned, minlength=size) + 1
    known = {
        "guessing": math.log(size),
        "one character": float(-np.log((once / once.sum())[y]).mean()),
        "bigram": float(-np.log(p[x, y]).mean()),
    }
    model = made(lesson, xn.Sequential(xn.Embedding(size, size)), xn.sgd(0.1), "float64").build((TIME,))
    for what, table in (("guessing", np.zeros((size, size))), ("bigram", np.log(p))):
        model.params = {"0.weight": lesson.array(table)}
        lesson.expect(f"{what}: an Embedding of its logits", model.evaluate(x, y)["loss"], known[what])
    lesson.expect(
        "each by its frequency alone", known["one character"], (known["bigram"], "to", math.log(size))
    )
    return known


def made(lesson, network, optimizer, dtype):
    here = {"backend": lesson.backend, "dtype": dtype, "seed": 0}
    return xn.Model(network, loss="softmax_cross_entropy", optimizer=optimizer, **here)


def three_steps(lesson, name, network, learned, held, guessing):
    """Trains three steps, with the same numbers on every library; no output may depend on a later character."""
    model = made(lesson, network, xn.adam(RATES[name]), "float64").build((SHORT_TIME,))
    x, y = (part[: 3 * BATCH] for part in windows(learned, SHORT_TIME))
    x_held, y_held = (part[:20] for part in windows(held, SHORT_TIME))
    lesson.title(f"{name}: {sum(math.prod(w.shape) for w in model.params.values())} parameters")
    losses = [model.evaluate(x_held, y_held)["loss"]]
    lesson.expect(f"{name}: at first it guesses", losses[0], (0.95 * guessing, "to", 1.3 * guessing))
    model.fit(x, y, epochs=1, batch_size=BATCH)
    losses.append(model.evaluate(x_held, y_held)["loss"])
    lesson.expect(f"{name}: after three steps it does better", losses[1], (0, "to", guessing))
    other = np.concatenate([x_held[:, : SHORT_TIME // 2], x_held[::-1, SHORT_TIME // 2 :]], axis=1)
    change = lesson.host(model.forward(x_held)) - lesson.host(model.forward(other))
    first, second = np.abs(change[:, : SHORT_TIME // 2]).max(), np.abs(change[:, SHORT_TIME // 2 :]).max()
    lesson.expect(f"{name}: a new second half moves the first's logits by", first, (0, "to", 0))
    lesson.expect(f"{name}: and its own by", second, (0.1, "to", 100))
    return model, losses


def learn(lesson, name, network, learned, held, epochs):
    """(the model, its loss on the text held out before and after each epoch)."""
    model = made(lesson, network, xn.adam(RATES[name], clip_norm=1.0), "float32").build((TIME,))
    losses = [model.evaluate(*windows(held, TIME))["loss"]]
    for epoch in range(epochs):
        x, y = windows(learned, TIME, start=7 * epoch % TIME)  # cut at other places in every epoch
        model.fit(x, y, epochs=1, batch_size=BATCH)
        losses.append(model.evaluate(*windows(held, TIME))["loss"])
        print(f"  after epoch {epoch + 1}: {model.history['loss'][-1]:.3f}, held out {losses[-1]:.3f}")
    return model, losses


def draw(lesson, curves, known, models, p, alphabet, time):
    axes = lesson.axes("learning", columns=2)
    for name, values in curves.items():
        axes[0].plot(values, marker=".", label=name)
    for (name, value), style in zip(known.items(), (":", "--", "-."), strict=True):
        axes[0].axhline(value, color="gray", linestyle=style, label=name)
    axes[0].set(xlabel="epoch", ylabel="nats a character", title="cross-entropy on the chapter held out")
    axes[0].legend()
    phrase = PHRASE[: time + 1]
    ids = np.asarray([alphabet.index(c) for c in phrase])
    x = np.zeros((1, time), ids.dtype)
    x[0, : len(ids) - 1] = ids[:-1]
    places = np.arange(1, len(ids))
    for name, model in models.items():
        found = lesson.host(model.predict_proba(lesson.array(x, dtype=None)))[0]
        axes[1].plot(places, found[places - 1, ids[1:]], marker=".", label=name)
    axes[1].plot(places, p[ids[:-1], ids[1:]], color="gray", linestyle="--", label="bigram")
    axes[1].set_xticks(np.arange(len(phrase)), phrase.replace(" ", "\u2423"))
    axes[1].set(ylim=(0, 1.2), ylabel="probability", title="what each character was given before it came")
    axes[1].legend(loc="upper center", ncols=3)


if __name__ == "__main__":
    run(main)
