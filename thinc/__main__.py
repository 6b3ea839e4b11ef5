"""`python -m thinc info`: what this installation runs on."""

import sys

from ._info import info


def main(arguments: list[str]) -> int:
    if arguments != ["info"]:
        print("usage: python -m thinc info", file=sys.stderr)
        return 2
    info()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
