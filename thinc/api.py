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
from .checkpoint import load_checkpoint, save_checkpoint
from .compat import enable_mxnet, enable_tensorflow, has_cupy
from .config import __getattr__, registry
from .initializers import (
    configure_normal_init,
    glorot_uniform_init,
    normal_init,
    uniform_init,
    zero_init,
)
from .kernels._threads import get_num_threads, set_num_threads
from .layers import (
    LSTM,
    CauchySimilarity,
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
    JAXWrapper,
    LayerNorm,
    Linear,
    Logistic,
    Maxout,
    Mish,
    MultiSoftmax,
    MXNetWrapper,
    ParametricAttention,
    ParametricAttention_v2,
    PyTorchLSTM,
    PyTorchRNNWrapper,
    PyTorchWrapper,
    PyTorchWrapper_v2,
    PyTorchWrapper_v3,
    Relu,
    ReluK,
    Sigmoid,
    Softmax,
    Softmax_v2,
    SparseLinear,
    SparseLinear_v2,
    Swish,
    TensorFlowWrapper,
    TorchScriptWrapper_v1,
    add,
    array_getitem,
    bidirectional,
    chain,
    clone,
    concatenate,
    expand_window,
    keras_subclass,
    list2array,
    list2padded,
    list2ragged,
    map_list,
    noop,
    padded2list,
    premap_ids,
    pytorch_to_torchscript_wrapper,
    ragged2list,
    reduce_first,
    reduce_last,
    reduce_max,
    reduce_mean,
    reduce_sum,
    remap_ids,
    remap_ids_v2,
    residual,
    resizable,
    siamese,
    sigmoid_activation,
    softmax_activation,
    strings2arrays,
    tuplify,
    uniqued,
    with_array,
    with_array2d,
    with_cpu,
    with_debug,
    with_flatten,
    with_flatten_v2,
    with_getitem,
    with_list,
    with_nvtx_range,
    with_padded,
    with_ragged,
    with_reshape,
    with_signpost_interval,
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
from .optimizers import SGD, Adam, AdamW, Lion, MomentumSGD, NAdam, Optimizer, RAdam
from .schedules import (
    compounding,
    constant,
    constant_then,
    cyclic_triangular,
    decaying,
    exponential,
    of_step,
    one_cycle,
    polynomial,
    sequence,
    slanted_triangular,
    warmup_cosine,
    warmup_linear,
)
from .shims import (
    JAXShim,
    MXNetShim,
    PyTorchGradScaler,
    PyTorchShim,
    Shim,
    TensorFlowShim,
    TorchScriptShim,
    keras_model_fns,
    maybe_handshake_model,
)
from .types import ArgsKwargs, Padded, Ragged, Unserializable
from .util import (
    DataValidationError,
    data_validation,
    fix_random_seed,
    get_array_module,
    get_torch_default_device,
    get_width,
    is_cupy_array,
    jax2xp,
    mxnet2xp,
    prefer_gpu,
    require_cpu,
    require_gpu,
    set_active_gpu,
    tensorflow2xp,
    to_categorical,
    to_numpy,
    torch2xp,
    xp2jax,
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
    # checkpoint
    "load_checkpoint", "save_checkpoint",
    # compat
    "enable_mxnet", "enable_tensorflow", "has_cupy",
    # config
    "Config", "ConfigValidationError", "registry",
    # initializers
    "configure_normal_init", "glorot_uniform_init", "normal_init", "uniform_init", "zero_init",
    # kernels
    "get_num_threads", "set_num_threads",
    # layers with weights
    "CauchySimilarity", "ClippedLinear", "Dish", "Embed", "Gelu", "HardSigmoid", "HardSwish",
    "HardSwishMobilenet", "HardTanh", "HashEmbed", "LSTM", "LayerNorm", "Linear", "Maxout", "Mish",
    "MultiSoftmax", "ParametricAttention", "ParametricAttention_v2", "Relu", "ReluK", "Sigmoid", "Softmax",
    "Softmax_v2", "SparseLinear", "SparseLinear_v2", "Swish",
    # layers without
    "Dropout", "Logistic", "array_getitem", "expand_window", "premap_ids", "reduce_first", "reduce_last",
    "reduce_max", "reduce_mean", "reduce_sum", "remap_ids", "remap_ids_v2", "sigmoid_activation",
    "softmax_activation", "strings2arrays",
    # combinators and wrappers
    "add", "bidirectional", "chain", "clone", "concatenate", "list2array", "list2padded", "list2ragged",
    "map_list", "noop", "padded2list", "ragged2list", "residual", "resizable", "siamese", "tuplify", "uniqued",
    "with_array", "with_array2d", "with_cpu", "with_debug", "with_flatten", "with_flatten_v2", "with_getitem",
    "with_list", "with_nvtx_range", "with_padded", "with_ragged", "with_reshape", "with_signpost_interval",
    # losses
    "CategoricalCrossentropy", "CosineDistance", "L2Distance", "SequenceCategoricalCrossentropy",
    # model
    "Model", "change_attr_values", "deserialize_attr", "serialize_attr", "set_dropout_rate",
    "wrap_model_recursive",
    # optimizers and schedules
    "Adam", "AdamW", "Lion", "MomentumSGD", "NAdam", "Optimizer", "RAdam", "SGD", "compounding", "constant",
    "constant_then", "cyclic_triangular", "decaying", "exponential", "of_step", "one_cycle", "polynomial", "sequence",
    "slanted_triangular", "warmup_cosine", "warmup_linear",
    # networks of other frameworks
    "PyTorchGradScaler", "PyTorchLSTM", "PyTorchRNNWrapper", "PyTorchShim", "PyTorchWrapper", "PyTorchWrapper_v2",
    "PyTorchWrapper_v3", "Shim", "TorchScriptShim", "TorchScriptWrapper_v1", "pytorch_to_torchscript_wrapper",
    "TensorFlowShim", "TensorFlowWrapper", "keras_model_fns", "keras_subclass", "maybe_handshake_model",
    "MXNetShim", "MXNetWrapper", "JAXShim", "JAXWrapper",
    # types
    "ArgsKwargs", "Padded", "Ragged", "Unserializable",
    # util
    "DataValidationError", "data_validation", "fix_random_seed", "get_array_module",
    "get_torch_default_device", "get_width", "is_cupy_array", "jax2xp", "mxnet2xp", "prefer_gpu", "require_cpu",
    "require_gpu", "set_active_gpu", "tensorflow2xp", "to_categorical", "to_numpy", "torch2xp", "xp2jax", "xp2mxnet",
    "xp2tensorflow", "xp2torch",
]  # fmt: skip
