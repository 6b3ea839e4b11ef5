"""`spacy init config`, `spacy train` and `spacy evaluate` as a user runs them, at the sizes of spaCy's defaults."""

import json

import documents
import pipelines
import pytest
import spacy
from spacy.tokens import DocBin


@pytest.fixture
def corpora(tmp_path):
    """Paths of the documents to train on and of others."""
    nlp = spacy.blank("en")
    paths = {"train": (200, pipelines.TRAIN_SEED), "dev": (40, pipelines.TEST_SEED)}
    for name, (n_docs, seed) in paths.items():
        docs = documents.documents(nlp.vocab, n_docs, seed=seed)
        DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / f"{name}.spacy")
    return {name: tmp_path / f"{name}.spacy" for name in paths}


def test_train_and_evaluate(corpora, run, ask, tmp_path):
    config, out = tmp_path / "config.cfg", tmp_path / "out"
    run("-m", "spacy", "init", "config", config, "--lang", "en", "--pipeline", "tagger,parser,ner")
    printed = run(
        *("-m", "spacy", "train", config, "--output", out),
        *("--paths.train", corpora["train"], "--paths.dev", corpora["dev"]),
        *("--training.max_steps", "60", "--training.eval_frequency", "20"),
    )
    assert "Saved pipeline to output directory" in printed
    scores = tmp_path / "scores.json"
    run("-m", "spacy", "evaluate", out / "model-best", corpora["dev"], "--output", scores)
    reached = json.loads(scores.read_text())
    for name in ("tag_acc", "dep_las", "ents_f"):
        assert reached[name] > 0.95, name
    assert len(ask(out / "model-last")) == len(documents.texts(20, seed=pipelines.TEST_SEED))
