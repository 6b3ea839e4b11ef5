"""A figure that shows itself in notebooks. Imports matplotlib."""

import io

from matplotlib.figure import Figure


class Picture(Figure):
    """A figure without a window, which a notebook shows where it ends a cell."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=110)
        return file.getvalue()
