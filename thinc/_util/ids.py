"""One counter for the ids of models and shims, so that no two parameters share an optimizer key."""

import threading
from typing import Any, ClassVar


class Identified:
    """Base of everything that owns parameters: gives out ids that are unique in the process.

    Optimizers keep their state under ``(id, name)``, and models and shims share one optimizer. Therefore they
    draw from the same counter, and loading a pickled object moves the counter past the object's id.
    """

    __slots__ = ()

    global_id: ClassVar[int] = 0
    global_id_lock: ClassVar[threading.Lock] = threading.Lock()

    @staticmethod
    def _draw_id() -> int:
        with Identified.global_id_lock:
            Identified.global_id += 1
            return Identified.global_id

    @staticmethod
    def _reserve_id(used: int) -> None:
        with Identified.global_id_lock:
            if used > Identified.global_id:
                Identified.global_id = used

    def __setstate__(self, state: Any) -> None:
        # Pickle and deepcopy hand over the instance dict, or the pair (instance dict, values of the slots).
        members, slots = state if isinstance(state, tuple) else (state, None)
        if members:
            self.__dict__.update(members)
        for name, value in (slots or {}).items():
            setattr(self, name, value)
        self._reserve_id(self.id)  # type: ignore[attr-defined]
