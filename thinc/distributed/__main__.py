"""`python -m thinc.distributed [CONFIG] [--workers N]`: train what a config describes; without one, a spiral."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..config import Config
from .configured import trainer_from_config
from .demo import CONFIG


def main(arguments: list[str]) -> int:
    """Train, and print the last metrics and where the checkpoint is; 1 if that cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m thinc.distributed", description=__doc__)
    parser.add_argument(
        "config", nargs="?", type=Path, help="with [distributed]; by default three arms of a spiral"
    )
    parser.add_argument("--workers", type=int, help="instead of [distributed] workers; 0 for this process")
    parser.add_argument("--storage-path", type=Path, help="where checkpoints go")
    parser.add_argument("--code", type=Path, help="Python that registers what the config names")
    parser.add_argument("--show-config", action="store_true", help="print the config of the spiral")
    parsed = parser.parse_args(arguments)
    if parsed.show_config:
        print(CONFIG.strip())
        return 0
    overrides: dict[str, Any] = {}
    if parsed.workers is not None:
        overrides["distributed.workers"] = parsed.workers
    with tempfile.TemporaryDirectory() as temporary:
        path = parsed.storage_path or (None if parsed.config else Path(temporary))
        if path is not None:
            overrides["distributed.storage_path"] = str(path.resolve())
        try:
            config = parsed.config or Config().from_str(CONFIG)
            code = parsed.code.read_text(encoding="utf8") if parsed.code else ""
            trainer = trainer_from_config(config, code=code, overrides=overrides)
        except (ImportError, OSError, ValueError) as err:
            print(f"thinc.distributed: {err}", file=sys.stderr)
            return 1
        result = trainer.fit()
        print(json.dumps(result.metrics))
        if result.checkpoint is not None and path != Path(temporary):
            print(f"checkpoint: {result.checkpoint.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
