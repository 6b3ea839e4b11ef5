"""Pictures of schedules, of training runs and of models. They need matplotlib: ``pip install "thinc[plots]"``.

Each function returns a figure of matplotlib, which `savefig` writes to a file, and which a notebook shows. A figure
that pyplot has made, or a part of one, can be given to be drawn on.
"""

from ._curves import curves, read_log
from ._graph import graph
from ._schedules import schedules
from ._table import table

__all__ = ["curves", "graph", "read_log", "schedules", "table"]
