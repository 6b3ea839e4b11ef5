"""MessagePack messages, plain and sealed with a checksum. Reading them runs no code of theirs."""

import gc
from typing import Any

DIGEST_SIZE = 32


def pack(content: Any) -> bytes:
    """Encode numbers, text, bytes, lists, dicts and arrays of numbers."""
    import srsly

    data: bytes = srsly.msgpack_dumps(content)
    return data


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


def seal(kind: str, content: Any) -> bytes:
    """Encode content behind a line that says what it is, and a checksum of what follows.

    Parameters
    ----------
    kind : str
        Such as "checkpoint 1": the number is that of the layout.
    content
        As for `pack`.
    """
    payload = pack(content)
    return _first_line(kind) + _digest(payload) + payload


def unseal(kind: str, data: bytes, what: str) -> Any:
    """Decode what `seal` gave.

    Parameters
    ----------
    kind : str
        As it was given to `seal`.
    data : bytes
    what : str
        Named in errors, such as the file.

    Raises
    ------
    ValueError
        If the data is of another kind, or not what was written.
    """
    first = _first_line(kind)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ValueError(f"Cannot load {what}: expected bytes, got {type(data)}")
    data = bytes(data)
    if not data.startswith(first):
        start = data[: len(first) + 8]
        raise ValueError(
            f"Cannot load {what}: expected data that starts with {first!r}, but it starts with {start!r}. "
            "It is of another kind, of another version of thinc, or damaged."
        )
    digest = data[len(first) : len(first) + DIGEST_SIZE]
    payload = data[len(first) + DIGEST_SIZE :]
    if _digest(payload) != digest:
        raise ValueError(
            f"Cannot load {what}: its checksum does not match, so it is damaged or cut off "
            f"({len(data)} bytes). Nothing has been loaded; use an older copy."
        )
    return unpack(payload, what)


def describe(value: Any) -> str:
    """The type of a value and, where it has one, its length, for messages."""
    size = f" of length {len(value)}" if hasattr(value, "__len__") and not hasattr(value, "dtype") else ""
    return f"{type(value).__name__}{size}"


def _first_line(kind: str) -> bytes:
    return f"thinc {kind}\n".encode()


def _digest(payload: bytes) -> bytes:
    from hashlib import blake2b

    return blake2b(payload, digest_size=DIGEST_SIZE).digest()
