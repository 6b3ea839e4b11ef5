"""MessagePack to objects, with errors that say what could not be read."""

import gc
from typing import Any


def unpack(data: bytes, what: str) -> Any:
    """Decode MessagePack; whatever is wrong with the bytes is a ``ValueError`` that says what was read."""
    import srsly

    collecting = gc.isenabled()
    try:
        return srsly.msgpack_loads(data)
    except Exception as err:  # the decoder's errors have no common base
        raise ValueError(
            f"Cannot load {what}: the data ({describe(data)}) is not a valid MessagePack message "
            f"({type(err).__name__}: {err}). Was it made by 'to_bytes' or 'to_disk', and is it complete?"
        ) from err
    finally:  # the decoder switches garbage collection off and, when it fails, leaves it so
        (gc.enable if collecting else gc.disable)()


def describe(value: Any) -> str:
    """The type of a value, and its length if it has one."""
    size = f" of length {len(value)}" if hasattr(value, "__len__") and not hasattr(value, "dtype") else ""
    return f"{type(value).__name__}{size}"
