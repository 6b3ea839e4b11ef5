"""Pipelines for the tests: made, trained, saved, and asked; also as a program, for another process or environment.

python pipelines.py train KIND FOLDER            trains a pipeline and saves it
python pipelines.py predict FOLDER ANSWERS.json  loads one and writes down what it predicts
"""

import json
import sys
from pathlib import Path

import documents
import numpy
import spacy
from spacy.util import minibatch

import thinc.api

TRAIN_SEED, TEST_SEED = 1, 2
WIDTH = 16  # a pipeline saved by the published package is among the tests' data: it should be small
SHARED = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "*"}
TOK2VEC = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": WIDTH,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [200, 100, 100, 100],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": WIDTH,
        "depth": 2,
        "window_size": 1,
        "maxout_pieces": 3,
    },
}


def _parser(state, upper):
    return {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": state,
        "extra_state_tokens": False,
        "hidden_width": WIDTH,
        "maxout_pieces": 2,
        "use_upper": upper,
        "nO": None,
        "tok2vec": SHARED,
    }


BEAM = {"beam_width": 4, "beam_density": 0.001, "beam_update_prob": 1.0}
TAGGER = {"model": {"@architectures": "spacy.Tagger.v2", "nO": None, "normalize": False, "tok2vec": SHARED}}
TEXTCAT = {
    "model": {
        "@architectures": "spacy.TextCatEnsemble.v2",
        "tok2vec": SHARED,
        "linear_model": {
            "@architectures": "spacy.TextCatBOW.v3",
            "exclusive_classes": True,
            "ngram_size": 2,
            "no_output_layer": False,
            "length": 512,
        },
    }
}
SPANCAT = {
    "spans_key": "names",
    "suggester": {"@misc": "spacy.ngram_suggester.v1", "sizes": [1, 2]},
    "model": {
        "@architectures": "spacy.SpanCategorizer.v1",
        "tok2vec": SHARED,
        "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": WIDTH},
        "scorer": {"@layers": "spacy.LinearLogistic.v1", "nO": None, "nI": None},
    },
}
# Names of the factories, their settings, and the least score of each on unseen documents.
KINDS = {
    "core": {
        "tagger": (TAGGER, "tag_acc", 0.95),
        "parser": ({"model": _parser("parser", True)}, "dep_las", 0.95),
        "ner": ({"model": _parser("ner", True)}, "ents_f", 0.95),
    },
    "lower": {
        "tagger": (TAGGER, "tag_acc", 0.95),
        "parser": ({"model": _parser("parser", False)}, "dep_las", 0.95),
        "ner": ({"model": _parser("ner", False)}, "ents_f", 0.95),
    },
    "beam": {
        "beam_parser": ({"model": _parser("parser", True), **BEAM}, "dep_las", 0.9),
        "beam_ner": ({"model": _parser("ner", True), **BEAM}, "ents_f", 0.9),
    },
    "labels": {
        "textcat": (TEXTCAT, "cats_macro_f", 0.8),
        "spancat": (SPANCAT, "spans_names_f", 0.9),
    },
}
KINDS["everything"] = {**KINDS["core"], **KINDS["labels"]}
EPOCHS = {"everything": 24}  # else 12: textcat learns late when all share one tok2vec


def train(kind, *, epochs=None, n_docs=120):
    """Make a pipeline and train it, always with the same seeds. Returns it and the losses of each epoch."""
    thinc.api.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TOK2VEC})
    for factory, (settings, _, _) in KINDS[kind].items():
        nlp.add_pipe(factory, config=settings)
    examples = documents.examples(nlp.vocab, n_docs, seed=TRAIN_SEED)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    history = []
    for _ in range(epochs or EPOCHS.get(kind, 12)):
        losses = {}
        for batch in minibatch(examples, 24):
            nlp.update(batch, sgd=optimizer, losses=losses, drop=0.1)
        history.append({name: float(loss) for name, loss in losses.items()})
    return nlp, history


def scores(nlp, kind):
    """What the pipeline scores on unseen documents: {name of the score: (reached, least)}."""
    found = nlp.evaluate(documents.examples(nlp.vocab, 40, seed=TEST_SEED))
    return {score: (found[score], least) for _, score, least in KINDS[kind].values()}


def predict(nlp):
    """Everything that the pipeline says of unseen documents, as data for JSON."""
    answers = []
    for doc in nlp.pipe(documents.texts(20, seed=TEST_SEED), batch_size=7):
        answers.append(
            {
                "tags": [word.tag_ for word in doc],
                "heads": [word.head.i for word in doc],
                "deps": [word.dep_ for word in doc],
                "entities": [[ent.start, ent.end, ent.label_] for ent in doc.ents],
                "spans": sorted([span.start, span.end, span.label_] for span in doc.spans.get("names", [])),
                "cats": doc.cats,
                "vectors": numpy.asarray(doc.tensor, dtype="float64").sum(axis=-1).tolist(),
            }
        )
    return answers


def differences(answers, others, *, tolerance=0.0):
    """What two lists of answers do not share, in words; empty if all is the same.

    Labels must be equal; numbers may differ by `tolerance`.
    """
    if len(answers) != len(others):
        return [f"{len(answers)} and {len(others)} documents"]
    found = []
    for i, (one, other) in enumerate(zip(answers, others, strict=True)):
        for name in ("tags", "heads", "deps", "entities", "spans"):
            if one[name] != other[name]:
                found.append(f"document {i}, {name}: {one[name]} and {other[name]}")
        if sorted(one["cats"]) != sorted(other["cats"]):
            found.append(f"document {i}, categories: {sorted(one['cats'])} and {sorted(other['cats'])}")
            continue
        numbers = [
            [*answer["vectors"], *(answer["cats"][name] for name in sorted(one["cats"]))]
            for answer in (one, other)
        ]
        if len(numbers[0]) != len(numbers[1]) or not numpy.allclose(*numbers, rtol=0.0, atol=tolerance):
            found.append(f"document {i}, vectors or categories: {numbers[0]} and {numbers[1]}")
    return found


def main():
    order, name, path = sys.argv[1:]
    if order == "train":
        nlp, _ = train(name)
        nlp.to_disk(path)
    elif order == "predict":
        Path(path).write_text(json.dumps(predict(spacy.load(name))))
    else:
        raise SystemExit(f"{order}: expected train or predict")


if __name__ == "__main__":
    main()
