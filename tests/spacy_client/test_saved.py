"""A pipeline that the published package trained and saved loads on ours and predicts the same.

python test_saved.py    makes the file again; run it in the published package's environment
"""

import gzip
from pathlib import Path

import pipelines
import spacy
import srsly

SAVED = Path(__file__).with_name("saved_by_published.bin")
TOLERANCE = 1e-3  # of sums of 16 numbers in float32
LEFT_OUT = ["tokenizer"]  # large, and the same as that of an empty pipeline


def save():
    """Train a pipeline of all kinds of components, and write it down with what it predicts."""
    nlp, _ = pipelines.train("everything")
    content = {
        "config": nlp.config.to_str(),
        "pipeline": nlp.to_bytes(exclude=LEFT_OUT),
        "answers": pipelines.predict(nlp),
    }
    SAVED.write_bytes(gzip.compress(srsly.msgpack_dumps(content), mtime=0))


def test_predicts_as_where_it_was_trained():
    content = srsly.msgpack_loads(gzip.decompress(SAVED.read_bytes()))
    config, saved = spacy.util.load_config_from_str(content["config"]), content["pipeline"]
    nlp = spacy.util.load_model_from_config(config).from_bytes(saved, exclude=LEFT_OUT)
    saved_again = srsly.msgpack_loads(nlp.to_bytes(exclude=LEFT_OUT))
    assert pipelines.differences(pipelines.predict(nlp), content["answers"], tolerance=TOLERANCE) == []
    for name in nlp.pipe_names:
        assert saved_again[name] == srsly.msgpack_loads(saved)[name], name


if __name__ == "__main__":
    save()
