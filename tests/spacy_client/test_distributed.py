"""spaCy's tagger on two workers, with half of each batch each: the scores and weights of one."""

import random
import threading

import numpy
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from thinc.api import fix_random_seed
from thinc.distributed import open_ring, prepare_model, prepare_optimizer, shard
from thinc.distributed.parameters import digest_parameters, parameters_of
from thinc.distributed.ring import listen

WORDS = {
    "DET": ["the", "a", "this"],
    "ADJ": ["red", "old", "small", "warm"],
    "NOUN": ["cat", "house", "river", "book", "idea"],
    "VERB": ["sees", "likes", "finds", "builds"],
}
SENTENCES = ["DET NOUN VERB DET ADJ NOUN", "DET ADJ NOUN VERB NOUN", "NOUN VERB DET NOUN"]
BATCH = 16


def make_examples(nlp, n, seed):
    rng = random.Random(seed)
    examples = []
    for _ in range(n):
        tags = rng.choice(SENTENCES).split()
        words = [rng.choice(WORDS[tag]) for tag in tags]
        examples.append(Example.from_dict(Doc(nlp.vocab, words=words), {"words": words, "tags": tags}))
    return examples


def build():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    examples = make_examples(nlp, 4 * BATCH, 0)
    optimizer = nlp.initialize(lambda: examples)
    return nlp, examples, optimizer


def train(nlp, examples, optimizer, ring):
    model = prepare_model(nlp.get_pipe("tagger").model, ring)
    optimizer = prepare_optimizer(optimizer, model, ring, reduction="sum")  # spaCy's losses are sums
    (share,) = shard(examples, communicator=ring)
    size = BATCH // ring.world_size
    for _ in range(3):
        for start in range(0, len(share), size):
            nlp.update(share[start : start + size], sgd=optimizer, drop=0.0)
    return nlp


def train_on(n_workers):
    built = [build() for _ in range(n_workers)]
    listeners = [listen("127.0.0.1") for _ in range(n_workers)]
    addresses = [listener.getsockname() for listener in listeners]
    trained = [None] * n_workers

    def work(rank):
        ring = open_ring(rank, addresses, listeners[rank], token=bytes(32), timeout=60)
        try:
            trained[rank] = train(*built[rank], ring)
        finally:
            ring.close()

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(n_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return trained


def test_tagger_on_two_workers():
    (alone,) = train_on(1)
    first, second = train_on(2)
    models = [nlp.get_pipe("tagger").model for nlp in (alone, first, second)]
    assert digest_parameters(models[1]) == digest_parameters(models[2])
    for (*_, W), (*_, expected) in zip(parameters_of(models[1]), parameters_of(models[0]), strict=True):
        numpy.testing.assert_allclose(W, expected, rtol=1e-3, atol=1e-4)
    scores = [nlp.evaluate(make_examples(nlp, 50, 1))["tag_acc"] for nlp in (alone, first)]
    assert scores[0] == scores[1] > 0.95
