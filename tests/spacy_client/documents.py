"""Documents of an invented language, whose tags, heads, entities and topics follow from the words.

The same for every environment: drawn from Python's generator, which gives the same numbers everywhere.
"""

import random

from spacy.tokens import Doc
from spacy.training import Example

DETERMINERS = ("the", "a", "some", "every")
STEMS = ("bar", "lom", "tik", "sund", "vep", "quor", "hal", "mip", "drosk", "felt", "gan", "wub")
TITLES = ("Mr", "Ms", "Dr")
TOPICS = {"FARM": ("harvest", "tractor"), "SEA": ("harbour", "anchor")}
ORDINARY = "O"


class Sentence:
    """Words with their annotations; heads count from the start of the sentence."""

    def __init__(self):
        self.words, self.tags, self.heads, self.deps, self.entities = [], [], [], [], []

    def add(self, word, tag, dep, head=None, entity=ORDINARY):
        """Append a word. Without a head it is filled in later, by `attach`."""
        self.words.append(word)
        self.tags.append(tag)
        self.deps.append(dep)
        self.heads.append(head)
        self.entities.append(entity)
        return len(self.words) - 1

    def attach(self, indices, head):
        """Set the head of words that are already there."""
        for i in indices:
            self.heads[i] = head


def _noun_phrase(rng, sentence, dep):
    """Determiner, adjectives, noun; returns the position of the noun."""
    start = [sentence.add(rng.choice(DETERMINERS), "DT", "det")]
    start += [sentence.add(rng.choice(STEMS) + "ish", "JJ", "amod") for _ in range(rng.choice((0, 0, 1, 2)))]
    noun = sentence.add(rng.choice(STEMS) + "on", "NN", dep)
    sentence.attach(start, noun)
    return noun


def _name(rng, sentence, dep):
    """A person: a title and a name, or only a name; returns the position of the name."""
    name = rng.choice(STEMS).capitalize() + rng.choice(STEMS)
    if rng.random() < 0.6:
        title = sentence.add(rng.choice(TITLES), "NNP", "compound", entity="B-PERSON")
        position = sentence.add(name, "NNP", dep, entity="I-PERSON")
        sentence.attach([title], position)
        return position
    return sentence.add(name, "NNP", dep, entity="B-PERSON")


def _sentence(rng, topic):
    """Subject, verb, object, perhaps a place and a word of the topic, full stop."""
    sentence = Sentence()
    subject = (_name if rng.random() < 0.5 else _noun_phrase)(rng, sentence, "nsubj")
    verb = sentence.add(rng.choice(STEMS) + "es", "VBZ", "ROOT")
    thing = _noun_phrase(rng, sentence, "dobj")
    sentence.attach([subject, verb, thing], verb)
    if rng.random() < 0.5:
        preposition = sentence.add("in", "IN", "prep", head=verb)
        place = rng.choice(STEMS).capitalize() + "ville"
        sentence.add(place, "NNP", "pobj", head=preposition, entity="B-PLACE")
    if rng.random() < 0.7:
        sentence.add(rng.choice(TOPICS[topic]), "NN", "advmod", head=verb)
    sentence.add(".", ".", "punct", head=verb)
    return sentence


def documents(vocab, n_docs, *, seed, sentences=(1, 3)):
    """Annotated documents.

    Parameters
    ----------
    vocab : Vocab
    n_docs : int
    seed : int
    sentences : (int, int)
        The fewest and the most sentences of a document.

    Returns
    -------
    list of Doc
    """
    rng = random.Random(seed)
    docs = []
    for _ in range(n_docs):
        topic = rng.choice(sorted(TOPICS))
        words, tags, heads, deps, entities = [], [], [], [], []
        for _ in range(rng.randint(*sentences)):
            sentence = _sentence(rng, topic)
            heads += [len(words) + head for head in sentence.heads]
            words += sentence.words
            tags += sentence.tags
            deps += sentence.deps
            entities += sentence.entities
        doc = Doc(vocab, words=words, tags=tags, heads=heads, deps=deps, ents=entities)
        doc.cats = {name: float(name == topic) for name in TOPICS}
        doc.spans["names"] = list(doc.ents)
        docs.append(doc)
    return docs


def examples(vocab, n_docs, *, seed, sentences=(1, 3)):
    """The same as training examples: the words alone, and the annotated document."""
    return [
        Example(Doc(vocab, words=[word.text for word in doc]), doc)
        for doc in documents(vocab, n_docs, seed=seed, sentences=sentences)
    ]


def texts(n_docs, *, seed, sentences=(1, 3)):
    """The same as plain text, words and full stops set apart by blanks."""
    from spacy.vocab import Vocab

    docs = documents(Vocab(), n_docs, seed=seed, sentences=sentences)
    return [" ".join(word.text for word in doc) for doc in docs]
