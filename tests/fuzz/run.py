"""Feed a target with bytes that look for new paths through it, for as long as you like.

    python tests/fuzz/run.py model -max_total_time=3600

The first argument names the target, the others are libFuzzer's. Needs the package atheris. Inputs that lead
somewhere new are kept in ``corpus/TARGET``; what fails is written to a file, and to be given as an argument again.
"""

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

with atheris.instrument_imports(
    include=["thinc", "srsly", "confection", "targets"], enable_loader_override=False
):
    from targets import TARGETS


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TARGETS)} [arguments of libFuzzer]")
    corpus = HERE / "corpus" / name
    atheris.Setup(
        [sys.argv[0], str(corpus), "-rss_limit_mb=2048", "-timeout=20", *sys.argv[2:]], TARGETS[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
