"""A program as users write them: it trains a model with a layer of its own. No checker complains, however strict."""

from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from typing_extensions import assert_type

from thinc.api import (
    SGD,
    Adam,
    BinaryCrossEntropy,
    CategoricalCrossentropy,
    CategoricalCrossentropy_v4,
    Config,
    CosineDistance,
    Dropout,
    HuberLoss,
    InfoNCE,
    L2Distance,
    Linear,
    MarginRankingLoss,
    Model,
    NumpyOps,
    Ops,
    Optimizer,
    RAdam,
    Ragged,
    Relu,
    SequenceCategoricalCrossentropy,
    Softmax,
    chain,
    change_attr_values,
    compounding,
    decaying,
    fix_random_seed,
    get_current_ops,
    get_width,
    glorot_uniform_init,
    list2ragged,
    prefer_gpu,
    reduce_mean,
    registry,
    set_dropout_rate,
    to_categorical,
    use_ops,
    warmup_linear,
    with_array,
    zero_init,
)
from thinc.types import Floats1d, Floats2d, Floats3d, Ints1d, Ints2d, ListXd, SizedGenerator

Dense = Model[Floats2d, Floats2d]

CONFIG = """
[hyper_params]
n_hidden = 64

[model]
@layers = "typed.scale.v1"
nO = ${hyper_params.n_hidden}

[optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.001
"""


@registry.layers("typed.scale.v1")
def scale(nO: Optional[int] = None, *, factor: float = 1.0) -> Dense:
    return Model("scale", forward, init=init, dims={"nO": nO}, params={"g": None}, attrs={"factor": factor})


def forward(model: Dense, X: Floats2d, is_train: bool) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    g: Floats1d = model.get_param("g")
    factor: float = model.attrs["factor"]
    Y = model.ops.alloc2f(*X.shape[:2]) + X * g * factor

    def backprop(dY: Floats2d) -> Floats2d:
        model.inc_grad("g", (dY * X).sum(axis=0))
        return dY * g

    return Y, backprop


def init(model: Dense, X: Optional[Floats2d] = None, Y: Optional[Floats2d] = None) -> None:
    if model.has_dim("nO") is None and X is not None:
        model.set_dim("nO", get_width(X))
    model.set_param("g", model.ops.alloc1f(model.get_dim("nO")) + 1)


def train_dense(model: Dense, X: Floats2d, Y: Floats2d, optimizer: Optimizer) -> float:
    loss_of = CategoricalCrossentropy(normalize=False)
    batches = model.ops.multibatch(compounding(4.0, 32.0, 1.001), X, Y, shuffle=True)
    assert_type(batches, SizedGenerator)
    total = 0.0
    for x, y in batches:
        guess, backprop = model.begin_update(x)
        assert_type(guess, Floats2d)
        d_guess, loss = loss_of(guess, y)
        backprop(d_guess)
        total += loss
        model.finish_update(optimizer)
        optimizer.step_schedules()
    with model.use_params(optimizer.averages):
        scores = model.predict(X)
    assert_type(scores, Floats2d)
    assert_type(scores[0], Floats1d)
    assert_type(scores[0, 0], float)
    assert_type(scores.argmax(axis=1), Ints1d)
    return total / max(len(batches), 1)


def use_layers() -> Dense:
    fix_random_seed(0)
    model = chain(
        Relu(nO=32, dropout=0.2, init_W=glorot_uniform_init),
        scale(),
        chain(Linear(16, init_b=zero_init), Dropout(0.1)),
        Softmax(),
    )
    assert_type(model, Dense)
    ops = model.ops
    assert_type(ops, Ops)
    X = ops.asarray2f([[1.0, 2.0], [3.0, 4.0]])
    Y = to_categorical(ops.asarray1i([0, 1]), n_classes=2)
    assert_type(model.initialize(X=X, Y=Y), Dense)
    assert_type(set_dropout_rate(model, 0.5), Dense)
    assert_type(change_attr_values(model, {"dropout": {"rate": 0.1}}), Dense)
    for node in model.walk():
        if node.has_param("W"):
            print(node.name, node.get_param("W").shape, node.maybe_get_dim("nO"), len(node.layers))
    assert_type(model.copy(), Dense)
    assert_type(model.to_bytes(), bytes)
    model.to_disk(Path("model.bin"))
    assert_type(model.from_disk("model.bin"), Dense)
    with Model.define_operators({">>": chain}):
        both: Dense = Relu() >> Softmax()
    return both


def use_ops_directly(ops: Ops) -> Floats2d:
    X = ops.alloc2f(4, 3)
    W = ops.reshape2f(ops.alloc1f(12), 4, 3)
    assert_type(SGD(0.1)((0, "W"), W, ops.alloc2f(4, 3)), Tuple[Floats2d, Floats2d])
    assert_type(ops.gemm(X, W, trans2=True), Floats2d)
    assert_type(ops.affine(X, W, ops.alloc1f(4)), Floats2d)
    best, which = ops.maxout(ops.reshape3f(X, 2, 2, 3))
    assert_type(best, Floats2d)
    assert_type(which, Ints2d)
    lengths = ops.asarray1i([1, 3])
    assert_type(ops.reduce_sum(X, lengths), Floats2d)
    assert_type(ops.relu(X), Floats2d)
    assert_type(ops.softmax(X), Floats2d)
    rows = Ragged(X, lengths)
    assert_type(rows[0], Ragged)
    assert_type(len(rows), int)
    return X * 2 + X


def use_optimizers() -> Dict[str, Optimizer]:
    return {
        "adam": Adam(0.001, L2=1e-6, use_averages=True),
        "scheduled": Adam(warmup_linear(0.01, 100, 1000)),
        "by a function": Adam(lambda step: 0.01 / (1 + step) ** 0.5, L2=(1e-6, 1e-7)),
        "radam": RAdam(0.001, beta1=0.9),
        "sgd": SGD(decaying(0.1, 1e-4)),
    }


def use_config() -> Tuple[Dense, Optimizer]:
    config = Config().from_str(CONFIG)
    assert_type(config.to_str(), str)
    resolved = registry.resolve(config)
    model: Dense = resolved["model"]
    optimizer: Optimizer = resolved["optimizer"]
    return model, optimizer


def use_sequences(documents: ListXd, tags: List[List[str]]) -> Floats2d:
    tagger: Model[List[Floats2d], List[Floats2d]] = with_array(Softmax(3, 3))
    tagger.initialize()
    loss_of_tags = SequenceCategoricalCrossentropy(names=["N", "V", "P"], normalize=True)
    X: List[Floats2d] = [NumpyOps().alloc2f(2, 3)]
    guesses, backprop = tagger.begin_update(X)
    assert_type(guesses, List[Floats2d])
    gradient, loss = loss_of_tags(guesses, tags)
    backprop(gradient)
    print(loss)
    model = chain(list2ragged(), with_array(Relu(8)), reduce_mean(), Softmax(2))
    assert_type(model, Model[ListXd, Floats2d])
    return model.initialize(X=documents).predict(documents)


def use_losses(guesses: Floats2d, cubes: Floats3d, labels: Ints1d) -> float:
    by_class = CategoricalCrossentropy(names=["N", "V"], neg_prefix="!", label_smoothing=0.1)
    assert_type(by_class(guesses, ["N", "!V", None, "V"]), Tuple[Floats2d, float])
    assert_type(by_class.get_grad(guesses, [0, 1, 1, 0]), Floats2d)
    assert_type(by_class.get_loss(guesses, labels), float)
    assert_type(by_class.convert_truths(labels, guesses), Tuple[Floats2d, Floats2d])
    by_sequence = SequenceCategoricalCrossentropy(names=["N", "V"])
    assert_type(by_sequence.get_grad([guesses], [["N", None, "N", "N"]]), List[Floats2d])
    assert_type(by_sequence([guesses, guesses], [labels, guesses]), Tuple[List[Floats2d], float])
    distance = L2Distance(normalize=False)
    assert_type(distance(guesses, guesses), Tuple[Floats2d, float])
    assert_type(distance.get_grad(cubes, cubes), Floats3d)
    cosine = CosineDistance(ignore_zeros=True)
    assert_type(cosine.get_grad(guesses, guesses), Floats2d)
    assert_type(cosine.get_similarity(guesses, guesses), Floats2d)
    weighted = CategoricalCrossentropy_v4(from_logits=True, names=["N", "V"], class_weights={"V": 2.0})
    assert_type(weighted(guesses, ["N", "V", "V", "N"]), Tuple[Floats2d, float])
    binary = BinaryCrossEntropy(positive_weight=2.0, missing_value=-1)
    assert_type(binary(guesses, guesses), Tuple[Floats2d, float])
    assert_type(binary.get_grad(cubes, cubes), Floats3d)
    assert_type(HuberLoss(delta=0.5).get_grad(cubes, cubes), Floats3d)
    assert_type(MarginRankingLoss().get_grad(guesses, labels), Floats2d)
    assert_type(InfoNCE().get_both_grads(guesses, guesses), Tuple[Floats2d, Floats2d])
    return distance.get_loss(cubes, cubes) + cosine(guesses, guesses)[1]


def train_autoencoder(model: Dense, X: Floats2d) -> None:
    for loss_of in (L2Distance(), CosineDistance()):
        Y, backprop = model.begin_update(X)
        gradient, _ = loss_of(Y, X)
        backprop(gradient)


def make_numbers() -> Iterator[int]:
    yield from range(3)


def use_generators() -> List[int]:
    numbers = SizedGenerator(make_numbers, 3)
    assert_type(len(numbers), int)
    return [number + 1 for number in numbers]


def main() -> float:
    prefer_gpu()
    ops = get_current_ops()
    with use_ops("numpy"):
        model = use_layers()
    X = use_ops_directly(ops)
    Y = to_categorical(ops.asarray1i([0, 1, 1, 0]))
    model.initialize(X=X, Y=Y)
    use_sequences([X, X], [["N", "V"]])
    use_losses(Y, ops.alloc3f(2, 3, 4), ops.asarray1i([0, 1, 1, 0]))
    train_autoencoder(chain(Relu(3, 3), Linear(3, 3)).initialize(), X)
    scaled, optimizer = use_config()
    print(scaled.name, optimizer.averages, use_generators(), list(use_optimizers()))
    return train_dense(model, X, Y, optimizer)


if __name__ == "__main__":
    print(main())
