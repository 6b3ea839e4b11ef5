"""Everything that programs usually need, under one name."""

from .backends import (
    CupyOps,
    MPSOps,
    NumpyOps,
    Ops,
    get_current_ops,
    get_ops,
    set_current_ops,
    set_gpu_allocator,
    use_ops,
    use_pytorch_for_gpu_memory,
    use_tensorflow_for_gpu_memory,
)
from .compat import enable_mxnet, enable_tensorflow, has_cupy
from .config import __getattr__, registry
from .initializers import (
    configure_normal_init,
    glorot_uniform_init,
    normal_init,
    uniform_init,
    zero_init,
)
from .layers import (
    ClippedLinear,
    Dish,
    Dropout,
    Embed,
    Gelu,
    HardSigmoid,
    HardSwish,
    HardSwishMobilenet,
    HardTanh,
    HashEmbed,
    LayerNorm,
    Linear,
    Maxout,
    Mish,
    Relu,
    ReluK,
    Sigmoid,
    Softmax,
    Softmax_v2,
    Swish,
    add,
    array_getitem,
    chain,
    clone,
    concatenate,
    expand_window,
    list2array,
    list2padded,
    list2ragged,
    noop,
    padded2list,
    ragged2list,
    reduce_first,
    reduce_last,
    reduce_max,
    reduce_mean,
    reduce_sum,
    residual,
    with_array,
    with_array2d,
)
from .loss import (
    CategoricalCrossentropy,
    CosineDistance,
    L2Distance,
    SequenceCategoricalCrossentropy,
)
from .model import (
    Model,
    change_attr_values,
    deserialize_attr,
    serialize_attr,
    set_dropout_rate,
    wrap_model_recursive,
)
from .optimizers import SGD, Adam, Optimizer, RAdam
from .schedules import (
    compounding,
    constant,
    constant_then,
    cyclic_triangular,
    decaying,
    slanted_triangular,
    warmup_linear,
)
from .shims import Shim
from .types import ArgsKwargs, Padded, Ragged, Unserializable
from .util import (
    DataValidationError,
    data_validation,
    fix_random_seed,
    get_array_module,
    get_torch_default_device,
    get_width,
    is_cupy_array,
    mxnet2xp,
    prefer_gpu,
    require_cpu,
    require_gpu,
    set_active_gpu,
    tensorflow2xp,
    to_categorical,
    to_numpy,
    torch2xp,
    xp2mxnet,
    xp2tensorflow,
    xp2torch,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # these two come with confection, which `__getattr__` imports when one is asked for
    from .config import Config, ConfigValidationError

__all__ = [
    # backends
    "CupyOps", "MPSOps", "NumpyOps", "Ops", "get_current_ops", "get_ops", "set_current_ops",
    "set_gpu_allocator", "use_ops", "use_pytorch_for_gpu_memory", "use_tensorflow_for_gpu_memory",
    # compat
    "enable_mxnet", "enable_tensorflow", "has_cupy",
    # config
    "Config", "ConfigValidationError", "registry",
    # initializers
    "configure_normal_init", "glorot_uniform_init", "normal_init", "uniform_init", "zero_init",
    # layers with weights
    "ClippedLinear", "Dish", "Embed", "Gelu", "HardSigmoid", "HardSwish", "HardSwishMobilenet", "HardTanh",
    "HashEmbed", "LayerNorm", "Linear", "Maxout", "Mish", "Relu", "ReluK", "Sigmoid", "Softmax", "Softmax_v2",
    "Swish",
    # layers without
    "Dropout", "array_getitem", "expand_window", "reduce_first", "reduce_last", "reduce_max", "reduce_mean",
    "reduce_sum",
    # combinators and wrappers
    "add", "chain", "clone", "concatenate", "list2array", "list2padded", "list2ragged", "noop", "padded2list",
    "ragged2list", "residual", "with_array", "with_array2d",
    # losses
    "CategoricalCrossentropy", "CosineDistance", "L2Distance", "SequenceCategoricalCrossentropy",
    # model
    "Model", "change_attr_values", "deserialize_attr", "serialize_attr", "set_dropout_rate",
    "wrap_model_recursive",
    # optimizers and schedules
    "Adam", "Optimizer", "RAdam", "SGD", "compounding", "constant", "constant_then", "cyclic_triangular",
    "decaying", "slanted_triangular", "warmup_linear",
    # shims
    "Shim",
    # types
    "ArgsKwargs", "Padded", "Ragged", "Unserializable",
    # util
    "DataValidationError", "data_validation", "fix_random_seed", "get_array_module",
    "get_torch_default_device", "get_width", "is_cupy_array", "mxnet2xp", "prefer_gpu", "require_cpu",
    "require_gpu", "set_active_gpu", "tensorflow2xp", "to_categorical", "to_numpy", "torch2xp", "xp2mxnet",
    "xp2tensorflow", "xp2torch",
]  # fmt: skip
