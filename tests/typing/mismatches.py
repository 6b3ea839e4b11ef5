"""Layers that do not fit together: every checker finds an error in these lines, and in no others.

The comments below a line are what our plugin makes mypy say of it.
"""

from thinc.api import (
    Linear,
    Model,
    Relu,
    Softmax,
    add,
    chain,
    concatenate,
    list2ragged,
    reduce_max,
    reduce_mean,
    with_array,
)
from thinc.types import Floats2d, Floats3d


def make_reshape() -> Model[Floats2d, Floats3d]:
    raise NotImplementedError


# One after the other.
chain(Relu(), reduce_max())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
chain(Relu(), Relu(), reduce_max(), Softmax())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
chain(list2ragged(), with_array(Relu()), reduce_mean(), reduce_max())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
chain(Relu(), Relu(), Relu(), Relu(), Relu(), Relu(), Relu(), Relu(), make_reshape(), Softmax())
# E: Layer outputs type (thinc.types.Floats3d) but the next layer expects (thinc.types.Floats2d) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Floats2d) is not compatible with output (thinc.types.Floats3d) from previous layer  [layer-mismatch-input]
chain(Relu(), chain(reduce_max(), Softmax()))
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]
chain(Relu(), chain(Relu(), reduce_max()), Softmax())
# E: Layer outputs type (thinc.types.Floats2d) but the next layer expects (thinc.types.Ragged) as an input  [layer-mismatch-output]
# E: Layer input type (thinc.types.Ragged) is not compatible with output (thinc.types.Floats2d) from previous layer  [layer-mismatch-input]

# Side by side: one error for each pair of neighbours, and for what goes in and what comes out.
add(Relu(), reduce_max())
# E: Layer input (thinc.types.Floats2d) not compatible with next layer input (thinc.types.Ragged)  [layer-mismatch-input]
# E: Layer input (thinc.types.Ragged) not compatible with previous layer input (thinc.types.Floats2d)  [layer-mismatch-input]
add(Relu(), Relu(), reduce_max(), Linear())
# E: Layer input (thinc.types.Floats2d) not compatible with next layer input (thinc.types.Ragged)  [layer-mismatch-input]
# E: Layer input (thinc.types.Ragged) not compatible with previous layer input (thinc.types.Floats2d)  [layer-mismatch-input]
# E: Layer input (thinc.types.Ragged) not compatible with next layer input (thinc.types.Floats2d)  [layer-mismatch-input]
# E: Layer input (thinc.types.Floats2d) not compatible with previous layer input (thinc.types.Ragged)  [layer-mismatch-input]
concatenate(Relu(), reduce_max())
# E: Layer input (thinc.types.Floats2d) not compatible with next layer input (thinc.types.Ragged)  [layer-mismatch-input]
# E: Layer input (thinc.types.Ragged) not compatible with previous layer input (thinc.types.Floats2d)  [layer-mismatch-input]
add(Relu(), make_reshape())
# E: Layer output (thinc.types.Floats2d) not compatible with next layer output (thinc.types.Floats3d)  [layer-mismatch-output]
# E: Layer output (thinc.types.Floats3d) not compatible with previous layer output (thinc.types.Floats2d)  [layer-mismatch-output]
concatenate(reduce_max(), make_reshape())
# E: Layer input (thinc.types.Ragged) not compatible with next layer input (thinc.types.Floats2d)  [layer-mismatch-input]
# E: Layer output (thinc.types.Floats2d) not compatible with next layer output (thinc.types.Floats3d)  [layer-mismatch-output]
# E: Layer input (thinc.types.Floats2d) not compatible with previous layer input (thinc.types.Ragged)  [layer-mismatch-input]
# E: Layer output (thinc.types.Floats3d) not compatible with previous layer output (thinc.types.Floats2d)  [layer-mismatch-output]
