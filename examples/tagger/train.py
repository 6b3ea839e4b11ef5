"""Train a tagger that says what each name in a Python program is: a function, a type, a keyword of a call, …

    python examples/tagger/train.py [--config FILE] [--words N] [--epochs N] [--out FOLDER]

It learns from the standard library: `tokenize` finds the words, and `ast` knows what they are. The tagger sees a line
of words alone, no syntax tree, and has to find out by their looks and their neighbours. It prints the share of names
that are right in files it has not seen, and how many words per second it reads; then it saves itself, is loaded again,
and tags a few lines.
"""

import argparse
import io
import time
import tokenize
from collections import Counter
from pathlib import Path

import network  # noqa: F401  # registers the layer that the config asks for
import numpy
from data import LABELS, Line, load

from thinc.api import Config, Model, fix_random_seed, registry

HERE = Path(__file__).parent
LINES = [
    "def first(values: list[int], default=None) -> int:",
    "return max(map(parse, values), key=len, default=default)",
    "class Tree(Node, metaclass=Meta):",
    "from os import path as p",
    "self.left.grow(water=cups)",
    "total: float = prices[i] * rate",
]


def evaluate(model: Model, lines: list[Line]) -> tuple[float, Counter, float]:
    """Share of names that are right, counts of mistakes by label and guess, and words per second."""
    start = time.perf_counter()
    guesses = []
    for words in model.ops.minibatch(512, [line.words for line in lines]):
        guesses += model.predict(words)
    speed = sum(map(len, guesses)) / (time.perf_counter() - start)
    right = total = 0
    mistakes: Counter = Counter()
    for guess, line in zip(guesses, lines, strict=True):
        for found, truth in zip(guess.argmax(axis=1).tolist(), line.labels, strict=True):
            if truth != 0:  # what is no name is told by its looks
                total += 1
                right += found == truth
            if found != truth:
                mistakes[LABELS[truth], LABELS[found]] += 1
    return right / total, mistakes, speed


def split(line: str) -> list[str]:
    tokens = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            tokens.append(token.string)
    except tokenize.TokenError:  # a head without a body
        pass
    return [token for token in tokens if token.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=HERE / "config.cfg")
    parser.add_argument(
        "--words", type=int, help="how many words to read, instead of the number in the config"
    )
    parser.add_argument("--epochs", type=int, help="instead of the number in the config")
    parser.add_argument("--out", type=Path, default=Path("out/tagger"))
    args = parser.parse_args()

    config = Config().from_disk(args.config)
    C = registry.make_from_config(config)
    settings, model, optimizer, loss = C["training"], C["model"], C["optimizer"], C["loss"]
    fix_random_seed(settings["seed"])
    train, dev = load(args.words or settings["words"])
    counts = [sum(len(line.words) for line in lines) for lines in (train, dev)]
    print(f"{counts[0]:,} words to learn from, {counts[1]:,} words of other files to test with")

    texts, labels = [line.words for line in train], [line.labels for line in train]
    model.initialize(X=texts[:50])
    mistakes: Counter = Counter()
    batches = model.ops.multibatch(settings["batch_size"], texts, labels, shuffle=True)
    for epoch in range(1, (args.epochs or settings["epochs"]) + 1):
        start = time.perf_counter()
        for X, Y in batches:
            guesses, backprop = model.begin_update(X)
            backprop(loss.get_grad(guesses, Y))
            model.finish_update(optimizer)
            optimizer.step_schedules()
        speed = counts[0] / (time.perf_counter() - start)
        accuracy, mistakes, reading = evaluate(model, dev)
        print(
            f"epoch {epoch:2}  {accuracy:6.2%} of the names are right  "
            f"learns {speed:9,.0f} words/s  reads {reading:9,.0f} words/s"
        )

    print("Taken for something else most often:")
    for (truth, found), count in mistakes.most_common(5):
        print(f"  {truth:10} for {found:10} {count:6,} times")

    args.out.mkdir(parents=True, exist_ok=True)
    model.to_disk(args.out / "model.bin")
    expected = model.predict([line.words for line in dev[:100]])
    restored = registry.make_from_config(config)["model"].from_disk(args.out / "model.bin")
    found = restored.predict([line.words for line in dev[:100]])
    if not all(map(numpy.array_equal, found, expected)):
        raise SystemExit("The model that was saved and loaded again predicts something else")
    print(f"Saved {args.out / 'model.bin'} and loaded it again: the same predictions. What it says:")
    for line in LINES:
        words = split(line)
        (guess,) = restored.predict([words])
        tags = [LABELS[i] for i in guess.argmax(axis=1)]
        print(
            " ",
            " ".join(word if tag == "-" else f"{word}/{tag}" for word, tag in zip(words, tags, strict=True)),
        )


if __name__ == "__main__":
    main()
