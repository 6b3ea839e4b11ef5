"""All layers that have an equivalent, by the module in `thinc.layers` that their forward function is from."""

from . import _attention, _combinators, _dense, _ids, _pooling, _recurrent, _sparse, _windows
from ._place import Exporter

EXPORTERS: dict[str, Exporter] = {
    name: exporter
    for family in (_attention, _combinators, _dense, _ids, _pooling, _recurrent, _sparse, _windows)
    for name, exporter in family.EXPORTERS.items()
}
