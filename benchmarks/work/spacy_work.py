"""spaCy trains and predicts: its published wheel over our package and over the published one.

The models are those of `spacy init config` for a processor, with one tok2vec under all components.
"""

from __future__ import annotations

import spacy
from spacy.tokens import Doc
from spacy.training import Example

import thinc.api

from . import data
from .base import Work

N_TAGS = 17
LABELS = ("PERSON", "PLACE", "THING")
SYLLABLES = ("ba", "ri", "to", "mu", "len", "sor", "ck", "ing", "ver", "d")
TOK2VEC = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": data.TAGGER_WIDTH,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": list(data.TAGGER_TABLES),
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": data.TAGGER_WIDTH,
        "depth": data.TAGGER_DEPTH,
        "window_size": 1,
        "maxout_pieces": data.TAGGER_PIECES,
    },
}
SHARED = {
    "@architectures": "spacy.Tok2VecListener.v1",
    "width": data.TAGGER_WIDTH,
    "upstream": "*",
}


def _transitions(state: str, hidden_width: int, pieces: int) -> dict:
    return {
        "model": {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": state,
            "extra_state_tokens": False,
            "hidden_width": hidden_width,
            "maxout_pieces": pieces,
            "use_upper": True,
            "nO": None,
            "tok2vec": SHARED,
        }
    }


TAGGER = {"model": {"@architectures": "spacy.Tagger.v2", "nO": None, "normalize": False, "tok2vec": SHARED}}
COMPONENTS = {
    "tagger": TAGGER,
    "parser": _transitions("parser", 128, 3),
    "ner": _transitions("ner", 64, 2),
}


def _word(number: int) -> str:
    """The digits of a number as syllables; every seventh is a name."""
    text = "".join(SYLLABLES[int(digit)] for digit in str(number))
    return text.capitalize() if number % 7 == 0 else text


def documents(vocab) -> list[Doc]:
    """Documents whose annotations follow from the words."""
    docs = []
    for numbers in data.texts():
        # Every third kind of word leans on the next one, the others on the first of the document.
        last = len(numbers) - 1
        heads = [i + 1 if n % 3 == 0 and 0 < i < last else 0 for i, n in enumerate(numbers)]
        docs.append(
            Doc(
                vocab,
                words=[_word(n) for n in numbers],
                tags=[f"T{n % N_TAGS}" for n in numbers],
                heads=heads,
                deps=["ROOT" if i == 0 else f"d{n % 5}" for i, n in enumerate(numbers)],
                ents=["O" if n % 7 else f"B-{LABELS[n % 3]}" for n in numbers],
            )
        )
    return docs


def _pipeline(components: list[str]):
    """A pipeline with initial weights, its optimizer, and batches of about a thousand words."""
    thinc.api.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    for name in components:
        nlp.add_pipe(name, config=COMPONENTS[name])
    examples = [
        Example(Doc(nlp.vocab, words=[word.text for word in doc]), doc) for doc in documents(nlp.vocab)
    ]
    return nlp, nlp.initialize(lambda: examples), [examples[::2], examples[1::2]]


def _epoch(nlp, optimizer, batches, drop: float) -> None:
    for batch in batches:
        nlp.update(batch, sgd=optimizer, drop=drop, losses={})


def train(*components: str) -> Work:
    """Two updates, with dropout."""

    def check():  # without dropout: the streams of random numbers differ
        nlp, optimizer, batches = _pipeline(list(components))
        _epoch(nlp, optimizer, batches, 0.0)
        tok2vec = nlp.get_pipe("tok2vec")
        return tok2vec.predict([example.predicted for example in batches[0]])

    nlp, optimizer, batches = _pipeline(list(components))
    return Work(lambda: _epoch(nlp, optimizer, batches, 0.1), check=check)


def pipe(*components: str) -> Work:
    """Texts to annotated documents, by a pipeline that has been trained a little."""

    def make(epochs):
        nlp, optimizer, batches = _pipeline(list(components))
        for _ in range(epochs):
            _epoch(nlp, optimizer, batches, 0.0)
        return nlp

    nlp = make(5)
    texts = [" ".join(map(_word, numbers)) for numbers in data.texts()]

    def check():  # after little training: small differences grow from update to update
        return [doc.tensor for doc in make(1).pipe(texts)]

    return Work(lambda: list(nlp.pipe(texts)), check=check)
