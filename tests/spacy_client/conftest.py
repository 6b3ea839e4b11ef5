"""What the tests of a real client share; `run.py` makes the environments and starts them."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PEER = "THINC_SPACY_PEER"

if "THINC_SPACY_CLIENT" not in os.environ:  # the ordinary tests: spaCy is not there
    collect_ignore_glob = ["*"]
else:
    import json
    import subprocess
    import sys
    from functools import cache

    import pipelines

    @pytest.fixture(scope="session")
    def trained():
        """A function: name of a kind of pipeline -> (pipeline, losses of each epoch), trained once."""
        return cache(pipelines.train)

    @pytest.fixture
    def run(tmp_path):
        """A function that runs an interpreter, ours by default, away from the source tree; returns the output."""

        def run(*arguments, python=sys.executable):
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            done = subprocess.run(
                [str(python), *map(str, arguments)],
                cwd=tmp_path,
                env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=900,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return run

    @pytest.fixture
    def ask(run, tmp_path):
        """A function: folder of a saved pipeline -> what a new process predicts with it."""

        def ask(folder, python=sys.executable):
            answers = tmp_path / "answers.json"
            run(HERE / "pipelines.py", "predict", folder, answers, python=python)
            return json.loads(answers.read_text())

        return ask

    @pytest.fixture(scope="session")
    def peer():
        """The interpreter that has the published package."""
        python = os.environ.get(PEER)
        if python is None:
            pytest.fail(
                f"{PEER} is not set: run.py makes the published package's environment without --short"
            )
        return python
