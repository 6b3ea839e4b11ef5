"""Types that every checker infers for layers that are put together, with or without our plugin."""

from typing import Any, List, Sequence, Tuple

from typing_extensions import assert_type

from thinc.api import (
    LSTM,
    Dropout,
    HashEmbed,
    Linear,
    Maxout,
    Model,
    NumpyOps,
    ParametricAttention,
    Relu,
    Softmax,
    SparseLinear,
    add,
    chain,
    clone,
    concatenate,
    expand_window,
    list2array,
    list2ragged,
    map_list,
    noop,
    ragged2list,
    reduce_max,
    reduce_mean,
    reduce_sum,
    residual,
    strings2arrays,
    tuplify,
    uniqued,
    with_array,
    with_cpu,
    with_flatten,
    with_getitem,
    with_list,
    with_padded,
    with_ragged,
    with_reshape,
)
from thinc.layers import array_getitem
from thinc.types import ArrayXd, Floats2d, Floats3d, Ints1d, ListXd, Padded, Ragged

Dense = Model[Floats2d, Floats2d]
F, R = Relu, reduce_max


def make_embed() -> Model[List[str], List[Floats2d]]:
    raise NotImplementedError


# Two to ten layers, of one kind and of several, and more than that of one kind.
assert_type(chain(Relu(), Softmax()), Dense)
assert_type(chain(Relu(), Maxout(), Softmax()), Dense)
assert_type(chain(R(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F(), F(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F(), F(), F(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(R(), F(), F(), F(), F(), F(), F(), F(), F(), F()), Model[Ragged, Floats2d])
assert_type(chain(F(), F(), F(), F(), F(), F(), F(), F(), F(), F(), F(), F()), Dense)
assert_type(chain(chain(Relu(), Relu()), chain(Relu(), chain(Relu(), Softmax()))), Dense)
assert_type(chain(*[Relu(), Relu()]), Dense)
assert_type(chain(layer1=Relu(), layer2=Softmax()), Dense)

# An output may be more special than what the next layer takes; Ragged and lists.
assert_type(chain(make_embed(), list2ragged(), reduce_max()), Model[List[str], Floats2d])
assert_type(chain(list2ragged(), with_array(Relu()), reduce_mean(), Softmax()), Model[ListXd, Floats2d])
assert_type(
    chain(list2ragged(), with_array(chain(Relu(), Dropout(0.2))), ParametricAttention(), reduce_sum()),
    Model[ListXd, Floats2d],
)
assert_type(chain(make_embed(), list2array(), Linear()), Model[List[str], Floats2d])
assert_type(chain(ParametricAttention(), ragged2list(), list2array(), Linear()), Model[Ragged, Floats2d])
assert_type(chain(array_getitem((slice(0, None), 0)), Linear(), Softmax()), Model[Any, Floats2d])
assert_type(chain(SparseLinear(), Softmax()), Model[Tuple[ArrayXd, ArrayXd, ArrayXd], Floats2d])

# Layers that take anything do not hide what is around them.
assert_type(chain(Relu(), Dropout(0.2), Softmax()), Dense)
assert_type(chain(Relu(), Dropout(0.2), expand_window(), noop(), Softmax()), Dense)

# What a caller expects decides where the call says nothing.
dropout: Dense = Dropout(0.1)
on_ragged: Model[Ragged, Ragged] = with_array(Relu())
on_padded: Model[Padded, Padded] = with_array(Relu())
on_lists: Model[List[Floats2d], List[Floats2d]] = with_array(Relu())
as_padded: Model[Ragged, Ragged] = with_padded(LSTM())
as_list: Model[Ragged, Ragged] = with_list(map_list(Relu()))
as_ragged: Model[List[Floats2d], List[Floats2d]] = with_ragged(ParametricAttention())
as_rows: Model[Floats3d, Floats3d] = with_reshape(Relu())
special: Model[List[Floats2d], Floats2d] = chain(list2ragged(), with_array(Relu()), reduce_mean(), Softmax())
of_strings: Model[List[List[str]], Floats2d] = chain(
    strings2arrays(), with_array(uniqued(HashEmbed(8, 100, column=0))), list2ragged(), reduce_max()
)

# Side by side.
assert_type(add(Relu(), Maxout()), Dense)
assert_type(add(Relu(), Maxout(), Linear(), Relu()), Dense)
assert_type(concatenate(Relu(), Maxout()), Dense)
assert_type(concatenate(reduce_max(), reduce_mean(), reduce_sum()), Model[Ragged, Floats2d])
assert_type(concatenate(*[Relu(), Maxout()]), Dense)
assert_type(tuplify(Relu(), Linear()), Model[Floats2d, Tuple[Floats2d, Floats2d]])
assert_type(
    tuplify(reduce_max(), ParametricAttention(), reduce_sum()),
    Model[Ragged, Tuple[Floats2d, Ragged, Floats2d]],
)
assert_type(chain(tuplify(Relu(), Linear()), with_getitem(0, Relu())), Model[Floats2d, Tuple[Any, ...]])

# Around a layer.
assert_type(clone(Relu(), 3), Dense)
assert_type(clone(residual(chain(Relu(), Linear())), 3), Dense)
assert_type(residual(Relu()), Dense)
assert_type(with_cpu(reduce_max(), NumpyOps()), Model[Ragged, Floats2d])


def look_up(table: Model[Sequence[str], Ints1d]) -> None:
    assert_type(with_flatten(table), Model[Sequence[Sequence[str]], List[Ints1d]])
