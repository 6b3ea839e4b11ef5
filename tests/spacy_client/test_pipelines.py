"""Pipelines learn, and predict the same after saving, in other processes, and in threads."""

from concurrent.futures import ThreadPoolExecutor

import documents
import pipelines
import pytest
import spacy

from thinc.api import Adam

KINDS = pytest.mark.parametrize("kind", list(pipelines.KINDS))


@KINDS
def test_learns(kind, trained):
    nlp, history = trained(kind)
    for name in pipelines.KINDS[kind]:
        assert history[-1][name] < 0.5 * history[0][name], name
    for name, (reached, least) in pipelines.scores(nlp, kind).items():
        assert reached >= least, name


@KINDS
def test_same_predictions_from_disk_in_a_new_process(kind, trained, ask, tmp_path):
    nlp, _ = trained(kind)
    nlp.to_disk(tmp_path / "pipeline")
    assert pipelines.differences(ask(tmp_path / "pipeline"), pipelines.predict(nlp)) == []


@KINDS
def test_same_predictions_from_bytes(kind, trained):
    nlp, _ = trained(kind)
    other = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert pipelines.differences(pipelines.predict(other), pipelines.predict(nlp)) == []


@KINDS
def test_training_repeats_itself(kind):
    (one, losses), (other, other_losses) = (pipelines.train(kind, epochs=2, n_docs=48) for _ in range(2))
    assert losses == other_losses
    assert pipelines.differences(pipelines.predict(one), pipelines.predict(other)) == []


@pytest.mark.parametrize("kind", ["core", "beam"])
def test_same_predictions_in_worker_processes(kind, trained):
    nlp, _ = trained(kind)
    texts = documents.texts(20, seed=pipelines.TEST_SEED)
    alone = [doc.to_json() for doc in nlp.pipe(texts, batch_size=5)]
    assert [doc.to_json() for doc in nlp.pipe(texts, batch_size=5, n_process=2)] == alone


@pytest.mark.parametrize("kind", ["core"])
def test_same_predictions_in_threads(kind, trained):
    nlp, _ = trained(kind)
    texts = documents.texts(40, seed=pipelines.TEST_SEED)
    alone = [nlp(text).to_json() for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert [doc.to_json() for doc in pool.map(nlp, texts)] == alone


@pytest.mark.parametrize("kind", ["core", "beam"])
def test_averaged_weights_predict_as_well(kind):
    nlp, _ = pipelines.train(kind)
    optimizer = Adam(0.0001, use_averages=True)
    for _ in range(2):
        nlp.update(documents.examples(nlp.vocab, 24, seed=pipelines.TRAIN_SEED), sgd=optimizer)
    before = pipelines.predict(nlp)
    assert optimizer.averages
    with nlp.use_params(optimizer.averages):
        for name, (reached, least) in pipelines.scores(nlp, kind).items():
            assert reached >= least, name
    assert pipelines.differences(pipelines.predict(nlp), before) == []
