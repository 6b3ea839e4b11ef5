"""spaCy's tagger on Ray: every batch of sentences divided among the workers, the scores of one.

Needs ``pip install "thinc[ray]" spacy``. ``--workers 0`` trains in this process, without a cluster.
"""

import argparse
import random
import tempfile
from pathlib import Path

import spacy
from ray.train import FailureConfig, RunConfig, ScalingConfig
from spacy.tokens import Doc
from spacy.training import Example

from thinc.api import fix_random_seed
from thinc.distributed import (
    ThincTrainer,
    get_communicator,
    prepare_model,
    prepare_optimizer,
    report,
    resume,
    shard,
)

WORDS = {
    "DET": ["the", "a", "this"],
    "ADJ": ["red", "old", "small", "warm"],
    "NOUN": ["cat", "house", "river", "book", "plan"],
    "VERB": ["sees", "likes", "finds", "plan"],
}
SENTENCES = ["DET NOUN VERB DET ADJ NOUN", "DET ADJ NOUN VERB NOUN", "NOUN VERB DET NOUN"]


def make_examples(nlp, n, seed):
    """Sentences of a small grammar, in which one word is a noun or a verb."""
    rng = random.Random(seed)
    for _ in range(n):
        tags = rng.choice(SENTENCES).split()
        words = [rng.choice(WORDS[tag]) for tag in tags]
        yield Example.from_dict(Doc(nlp.vocab, words=words), {"words": words, "tags": tags})


def train_loop(config):
    """What every worker runs. Without dropout, so that the number of workers makes no difference."""
    workers = get_communicator()
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("tagger")
    examples = list(make_examples(nlp, 128, 0))
    optimizer = nlp.initialize(lambda: examples)
    model = prepare_model(tagger.model)
    optimizer = prepare_optimizer(optimizer, model, reduction="sum")  # spaCy's losses are sums over the batch
    (share,) = shard(examples)
    batches = model.ops.minibatch(config["batch_size"] // workers.world_size, share)
    first = resume(model, optimizer, default=0)
    for epoch in range(first, config["epochs"]):
        for batch in batches:
            nlp.update(batch, sgd=optimizer, drop=0.0)
        accuracy = nlp.evaluate(list(make_examples(nlp, 100, 1)))["tag_acc"]
        report({"accuracy": accuracy, "epoch": epoch + 1}, model, optimizer, extra=epoch + 1)


def main():
    """Train, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--folder", type=Path, help="where checkpoints go; by default a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        trainer = ThincTrainer(
            train_loop,
            train_loop_config={"batch_size": arguments.batch_size, "epochs": arguments.epochs},
            scaling_config=ScalingConfig(num_workers=arguments.workers),
            run_config=RunConfig(
                name="tagger",
                storage_path=str(folder.resolve()),
                failure_config=FailureConfig(max_failures=3),
            ),
        )
        metrics = trainer.fit().metrics
    print(f"epoch {metrics['epoch']}  workers {arguments.workers}  tags {metrics['accuracy']:.2%}")


if __name__ == "__main__":
    main()
