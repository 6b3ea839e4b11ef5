"""One node: identity, dims, parameters, gradients, references, running, updating, operators."""

import copy
import inspect
import pickle
import threading
import typing
import weakref
from collections.abc import Callable
from contextvars import copy_context
from functools import partial

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc.model
from thinc._util.validation import DataValidationError, data_validation
from thinc.backends import NumpyOps, ParamServer, use_ops
from thinc.model import Model, change_attr_values, empty_init, set_dropout_rate
from thinc.optimizers import Adam, Optimizer
from thinc.shims import Shim
from thinc.types import Floats2d


def identity(model, X, is_train):
    return X, lambda dY: dY


class ScaleShim(Shim):
    """A network of one number."""

    def __init__(self, value=1.0):
        super().__init__(None)
        self.value = value
        self.devices = []

    def finish_update(self, optimizer):
        self.value, _ = optimizer((self.id, "value"), self.value, 1.0)

    def to_device(self, device_type, device_id):
        self.devices.append((device_type, device_id))


# Storage and identity


def test_public_names():
    assert set(thinc.model.__all__) == {
        "Model",
        "serialize_attr",
        "deserialize_attr",
        "change_attr_values",
        "set_dropout_rate",
        "wrap_model_recursive",
    }
    assert thinc.model.context_operators is Model._context_operators
    assert Model._context_operators.name == "context_operators"


def test_slots_are_in_the_order_of_the_8_3_line():
    assert Model.__slots__ == (
        "name",
        "id",
        "ops",
        "_func",
        "init",
        "_params",
        "_dims",
        "_attrs",
        "_refs",
        "_layers",
        "_shims",
        "_has_params",
    )
    model = Model("a", identity)
    with pytest.raises(AttributeError):
        model.colour = "red"
    with pytest.raises(TypeError):
        weakref.ref(model)
    assert not hasattr(model, "__dict__")


def test_signature_of_the_constructor():
    parameters = inspect.signature(Model).parameters
    assert list(parameters) == [
        "name",
        "forward",
        "init",
        "dims",
        "params",
        "layers",
        "shims",
        "attrs",
        "refs",
        "ops",
    ]
    assert [p.default for p in parameters.values()][2:] == [None, {}, {}, [], [], {}, {}, None]


def test_generic_alias():
    alias = Model[int, str]
    assert typing.get_origin(alias) is Model
    assert isinstance(alias("a", identity), Model)


def test_identity_equality_and_truth():
    a, b = Model("a", identity), Model("a", identity)
    assert a != b
    assert a == a
    assert len({a, b, a}) == 2
    assert bool(a)


def test_ids_are_unique_across_threads_and_shared_with_shims():
    ids = []

    def build():
        for _ in range(200):
            ids.append(Model("a", identity).id)
            ids.append(ScaleShim().id)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == len(ids) == 1600
    assert Model.global_id == Shim.global_id >= max(ids)
    assert isinstance(Model.global_id_lock, type(threading.Lock()))


def test_subclass_with_a_dict_a_class_attribute_name_and_a_property():
    class Listener(Model):
        name = "listener"

        def __init__(self, width):
            Model.__init__(self, name=self.name, forward=identity, dims={"nO": width})
            self.upstream = "somewhere"

        @property
        def nO(self):
            return self.get_dim("nO")

    model = Listener(4)
    assert (model.name, model.nO, model.upstream) == ("listener", 4, "somewhere")
    model.name = "other"
    assert model.name == "other"
    assert Listener.name == "listener"
    assert isinstance(next(iter(Model("a", identity, layers=[model]).walk())), Model)
    copied = copy.deepcopy(model)
    assert type(copied) is Listener
    assert (copied.name, copied.upstream, copied.nO) == ("other", "somewhere", 4)


def test_containers_are_copied_live_and_without_setters():
    child = Model("child", identity)
    layers, attrs, dims = [child], {"a": 1}, {"nO": 1}
    model = Model("a", identity, layers=layers, attrs=attrs, dims=dims)
    layers.clear()
    attrs["b"] = 2
    dims["nI"] = 3
    assert model.layers == [child]
    assert model.layers is model._layers
    assert model.attrs == {"a": 1}
    assert model.dim_names == ("nO",)
    model.attrs["c"] = 3
    assert model.attrs == {"a": 1, "c": 3}
    for name in ("layers", "shims", "attrs", "param_names", "grad_names", "dim_names", "ref_names"):
        with pytest.raises(AttributeError):
            setattr(model, name, [])


def test_default_arguments_are_not_shared():
    model = Model("a", identity)
    model.layers.append(Model("b", identity))
    model.attrs["x"] = 1
    model.set_param("W", numpy.ones(1))
    other = Model("c", identity)
    assert not other.layers
    assert not other.attrs
    assert not other.param_names


def test_ops_are_the_given_ones_or_the_current_ones():
    ops = NumpyOps()
    assert Model("a", identity, ops=ops).ops is ops
    with use_ops("numpy"):
        from thinc.backends import get_current_ops

        assert Model("a", identity).ops is get_current_ops()


# Dimensions


def test_dims_have_three_states():
    model = Model("layer", identity, dims={"nO": None, "nI": 3, "nZ": 0})
    assert model.dim_names == ("nO", "nI", "nZ")
    assert model.has_dim("nO") is None
    assert model.has_dim("nI") is True
    assert model.has_dim("nZ") is True  # zero is a size
    assert model.has_dim("nP") is False
    assert model.get_dim("nI") == 3
    assert model.get_dim("nZ") == 0
    assert model.maybe_get_dim("nO") is None
    assert model.maybe_get_dim("nP") is None
    assert model.maybe_get_dim("nI") == 3
    with pytest.raises(ValueError, match=r"nO.*layer.*unset"):
        model.get_dim("nO")
    with pytest.raises(KeyError, match=r"nP.*layer"):
        model.get_dim("nP")


def test_set_dim():
    model = Model("layer", identity, dims={"nO": None})
    with pytest.raises(KeyError, match=r"nI.*layer"):
        model.set_dim("nI", 2)
    model.set_dim("nO", 2)
    model.set_dim("nO", 2)
    with pytest.raises(ValueError, match="Attempt to change dimension 'nO' for model 'layer' from 2 to 3"):
        model.set_dim("nO", 3)
    with pytest.raises(ValueError, match="from 2 to None"):
        model.set_dim("nO", None)
    model.set_dim("nO", 3, force=True)
    assert model.get_dim("nO") == 3


def test_set_dim_by_force_needs_a_node_without_parameters():
    model = Model("layer", identity, dims={"nO": 2}, params={"W": None})
    model.set_dim("nO", 3, force=True)
    model.set_param("W", numpy.zeros(3))
    with pytest.raises(ValueError, match="from 3 to 4"):
        model.set_dim("nO", 4, force=True)
    model.set_dim("nO", 3)
    model.set_param("W", None)
    model.set_dim("nO", 4, force=True)
    assert model.get_dim("nO") == 4


# Parameters and gradients


def test_params_have_three_states():
    W = numpy.ones((2, 2), dtype="f")
    model = Model("layer", identity, params={"b": None, "W": W})
    assert model.param_names == ("b", "W")
    assert model.has_param("b") is None
    assert model.has_param("W") is True
    assert model.has_param("Q") is False
    assert model.get_param("W") is W
    assert model.maybe_get_param("b") is None
    assert model.maybe_get_param("Q") is None
    assert model.maybe_get_param("W") is W
    for name in ("b", "Q"):
        with pytest.raises(KeyError, match=f"{name}.*layer"):
            model.get_param(name)


def test_set_param_registers_and_stores_by_reference():
    model = Model("layer", identity)
    W = numpy.zeros(2, dtype="f")
    model.set_param("W", W)
    assert model.param_names == ("W",)
    W += 1
    assert_array_equal(model.get_param("W"), [1, 1])
    assert isinstance(model._params, ParamServer)
    assert model._params.get_param(model.id, "W") is W


def test_edge_model_9_set_param_to_none_really_unsets_it():
    model = Model("layer", identity, params={"W": numpy.ones(2)})
    model.set_param("W", None)
    assert model.has_param("W") is None
    assert model.maybe_get_param("W") is None
    assert model.param_names == ("W",)
    with pytest.raises(KeyError, match="W"):
        model.get_param("W")


def test_a_gradient_without_a_parameter_is_left_alone(plain_sgd):
    model = Model("layer", identity, params={"W": numpy.ones(2)})
    model.set_grad("W", numpy.ones(2))
    model.set_param("W", None)
    model.inc_grad("stranger", numpy.ones(2))
    assert model.get_gradients() == {}
    model.finish_update(plain_sgd)
    assert model.has_param("W") is None
    assert_array_equal(model.get_grad("stranger"), [1, 1])
    assert model.grad_names == ("W",)


def test_inc_grad_copies_first_and_then_adds_in_place():
    model = Model("layer", identity, params={"W": numpy.zeros(2, dtype="f")})
    assert model.has_grad("W") is False
    assert model.maybe_get_grad("W") is None
    with pytest.raises(KeyError, match=r"W.*layer"):
        model.get_grad("W")
    dW = numpy.ones(2, dtype="f")
    model.inc_grad("W", dW)
    grad = model.get_grad("W")
    assert grad is not dW
    model.inc_grad("W", dW)
    assert model.get_grad("W") is grad
    assert_array_equal(grad, [2, 2])
    assert_array_equal(dW, [1, 1])
    assert model.grad_names == ("W",)
    with pytest.raises(ValueError, match="shape"):
        model.inc_grad("W", numpy.ones(3, dtype="f"))


def test_inc_grad_of_a_scalar():
    model = Model("layer", identity, params={"W": numpy.float32(1.0)})
    model.inc_grad("W", numpy.float32(2.0))
    model.inc_grad("W", numpy.float32(3.0))
    assert model.get_grad("W") == 5.0


def test_set_grad_stores_by_reference():
    model = Model("layer", identity, params={"W": numpy.zeros(2)})
    dW = numpy.zeros(2)
    model.set_grad("W", dW)
    assert model.get_grad("W") is dW
    assert model.has_grad("W") is True  # zeros count
    model.inc_grad("W", numpy.ones(2))
    assert_array_equal(dW, [1, 1])


def test_a_gradient_is_removed_like_a_parameter():
    model = Model("layer", identity, params={"W": numpy.ones(2, dtype="f")})
    for _ in range(2):
        model.set_grad("W", numpy.ones(2, dtype="f"))
        model.set_grad("W", None)
        assert not model.has_grad("W") and model.grad_names == ()
        with pytest.raises(KeyError, match="No gradient"):
            model.get_grad("W")
    model.to_cpu()
    assert model.copy().grad_names == ()


def test_get_gradients_covers_the_tree(node):
    inner = node("inner", W=[1, 2])
    outer = node("outer", inner, W=[3, 4])
    X = numpy.ones((1, 2), dtype="f")
    _, backprop = outer.begin_update(X)
    backprop(X)
    gradients = outer.get_gradients()
    assert set(gradients) == {(outer.id, "W"), (inner.id, "W")}
    W, dW = gradients[(inner.id, "W")]
    assert W is inner.get_param("W")
    assert_array_equal(dW, [3, 4])


class Proxy:
    """Parameters that live elsewhere."""

    def __init__(self):
        self.params, self.grads = {}, []

    def get_param(self, model_id, name):
        return self.params[(model_id, name)]

    def set_param(self, model_id, name, value):
        self.params[(model_id, name)] = value

    def set_grad(self, model_id, name, value):
        self.grads.append((model_id, name, value))

    def inc_grad(self, model_id, name, value):
        self.grads.append((model_id, name, value))


def test_a_proxy_serves_parameters_and_takes_gradients():
    model = Model("layer", identity, params={"W": numpy.zeros(2), "b": None})
    proxy = Proxy()
    model._params.proxy = proxy
    model.set_param("W", numpy.ones(2))
    assert_array_equal(proxy.params[(model.id, "W")], [1, 1])
    proxy.params[(model.id, "W")] = numpy.full(2, 7.0)
    assert_array_equal(model.get_param("W"), [7, 7])
    with pytest.raises(KeyError):
        model.get_param("b")
    model.inc_grad("W", numpy.ones(2))
    model.inc_grad("W", numpy.ones(2))
    model.set_grad("W", numpy.ones(2))
    assert [key[:2] for key in proxy.grads] == [(model.id, "W")] * 3
    assert not model.has_grad("W")


# References


def test_refs_have_three_states():
    child = Model("child", identity)
    model = Model("layer", identity, layers=[child], refs={"a": child, "b": None})
    assert model.ref_names == ("a", "b")
    assert model.has_ref("a") is True
    assert model.has_ref("b") is None
    assert model.has_ref("c") is False
    assert model.get_ref("a") is child
    assert model.maybe_get_ref("b") is None
    assert model.maybe_get_ref("c") is None
    with pytest.raises(ValueError, match=r"b.*layer"):
        model.get_ref("b")
    with pytest.raises(KeyError, match=r"c.*layer"):
        model.get_ref("c")


def test_edge_model_14_set_ref_takes_nodes_of_the_tree_only():
    grandchild = Model("grandchild", identity)
    child = Model("child", identity, layers=[grandchild])
    model = Model("layer", identity, layers=[child])
    model.set_ref("deep", grandchild)
    model.set_ref("self", model)
    model.set_ref("later", None)
    assert model.has_ref("later") is None
    stranger = Model("stranger", identity)
    with pytest.raises(ValueError, match=r"x.*layer.*stranger"):
        model.set_ref("x", stranger)
    assert model.has_ref("x") is False
    # The constructor accepts any, item 14.
    assert Model("b", identity, refs={"sibling": stranger}).get_ref("sibling") is stranger


# Running


def test_flag_is_passed_by_keyword():
    calls = []

    def forward(model, X, *, is_train):
        calls.append(is_train)
        return X + 1, "callback"

    model = Model("layer", forward)
    assert model(1, True) == (2, "callback")
    assert model(1, is_train=False) == (2, "callback")
    assert model.begin_update(1) == (2, "callback")
    assert model.predict(1) == 2
    assert calls == [True, False, True, False]
    with pytest.raises(TypeError):
        model(1)


def test_initialize_calls_init_and_returns_the_model():
    calls = []

    def init(model, X=None, Y=None):
        calls.append((model, X, Y))
        return "ignored"

    model = Model("layer", identity, init=init)
    assert model.initialize() is model
    assert model.initialize(1, Y=2) is model
    assert calls == [(model, None, None), (model, 1, 2)]


def test_default_init_accepts_anything():
    model = Model("layer", identity)
    assert isinstance(model.init, partial)
    assert model.init.func is empty_init
    model.init(model, 1, 2)
    model.init(model, X=1, Y=2, Z=3)
    assert model.initialize(1, 2) is model


def typed_forward(model: Model, X: Floats2d, is_train: bool) -> tuple[Floats2d, Callable]:
    return X, lambda dY: dY


def test_initialize_validates_samples_when_asked():
    good, bad = numpy.zeros((2, 2), dtype="f"), numpy.zeros(2, dtype="f")
    model = Model("typed", typed_forward)
    model.initialize(X=bad)
    with data_validation(True):
        assert model.initialize(X=good, Y=good) is model
        with pytest.raises(DataValidationError, match="typed"):
            model.initialize(X=bad)
        with pytest.raises(DataValidationError, match="typed"):
            model.initialize(X=good, Y=bad)


def test_edge_model_19_initialize_validates_partial_forwards():
    def forward(extra, model, X: Floats2d, is_train):
        return X, lambda dY: dY

    def scaled(model, X: Floats2d, is_train, scale):
        return X * scale, lambda dY: dY * scale

    for bound in (partial(forward, "extra"), partial(scaled, scale=2)):
        model = Model("typed", bound)
        with data_validation(True):
            model.initialize(X=numpy.zeros((2, 2), dtype="f"))
            with pytest.raises(DataValidationError, match="dimensions"):
                model.initialize(X=numpy.zeros(2, dtype="f"))
    with data_validation(True), pytest.raises(DataValidationError, match="expected 3 arguments"):
        Model("typed", scaled).initialize()


def test_replace_callbacks():
    def forward(model, X, is_train):
        return "other", None

    model = Model("layer", identity)
    model.replace_callbacks(forward)
    assert model._func is forward
    assert model.init is None
    assert model.initialize(X=1) is model
    assert model.predict(1) == "other"
    model.replace_callbacks(identity, init=empty_init)
    assert model.init is empty_init


# Updating


def test_finish_update_with_any_callable(node, plain_sgd):
    inner, outer = node("inner", W=[1, 2]), None
    outer = node("outer", inner, W=[3, 4])
    X = numpy.ones((1, 2), dtype="f")
    for _ in range(2):
        _, backprop = outer.begin_update(X)
        backprop(X)
    outer.finish_update(plain_sgd)
    assert_array_equal(inner.get_param("W"), [1 - 3, 2 - 4])
    assert_array_equal(outer.get_param("W"), [3 - 1, 4 - 2])
    assert inner.has_grad("W")
    assert_array_equal(inner.get_grad("W"), [0, 0])


def test_edge_model_10_zeroed_gradients_still_count(plain_sgd):
    model = Model("layer", identity, params={"W": numpy.ones(2, dtype="f")})
    model.set_grad("W", numpy.zeros(2, dtype="f"))
    assert model.has_grad("W") is True
    keys = []

    def optimizer(key, W, dW):
        keys.append(key)
        return plain_sgd(key, W, dW)

    for _ in range(2):
        model.finish_update(optimizer)
        assert model.has_grad("W") is True
    assert keys == [(model.id, "W")] * 2


def test_edge_model_11_gradients_that_an_optimizer_leaves_accumulate():
    model = Model("layer", identity, params={"W": numpy.zeros(2, dtype="f")})
    for steps in (1, 2, 3):
        model.inc_grad("W", numpy.ones(2, dtype="f"))
        model.finish_update(lambda key, W, dW: (W, dW))
        assert_array_equal(model.get_grad("W"), [steps, steps])


def test_finish_update_calls_shims_first():
    calls = []
    shim = ScaleShim(5.0)
    model = Model("layer", identity, params={"W": numpy.ones(1)}, shims=[shim])
    model.set_grad("W", numpy.ones(1))

    def optimizer(key, W, dW):
        calls.append(key)
        return W - dW, dW

    Model("outer", identity, layers=[model]).finish_update(optimizer)
    assert calls == [(shim.id, "value"), (model.id, "W")]
    assert shim.value == 4.0


def test_finish_update_without_gradients_does_nothing(node):
    model = node("layer", W=[1, 2])
    model.finish_update(None)
    assert_array_equal(model.get_param("W"), [1, 2])


def build_pair(node):
    model = node("outer", node("inner", W=[1, 2, 3]), node("second", W=[4, 5, 6]), W=[7, 8, 9])
    rng = numpy.random.default_rng(0)
    for layer in model.walk():
        layer.set_grad("W", rng.normal(size=3).astype("f"))
    return model


def test_update_many_equals_one_call_for_each_parameter(node):
    class Wrapped:
        def __init__(self, optimizer):
            self.optimizer = optimizer

        def __call__(self, key, W, dW):
            return self.optimizer(key, W, dW)

    together, apart = build_pair(node), build_pair(node)
    fused, single = Adam(0.01), Wrapped(Adam(0.01))
    for _ in range(3):
        together.finish_update(fused)
        apart.finish_update(single)
        for a, b in zip(together.walk(), apart.walk(), strict=True):
            assert_allclose(a.get_param("W"), b.get_param("W"), rtol=1e-6)
            assert_array_equal(a.get_grad("W"), 0)
            a.get_grad("W")[...] = b.get_grad("W")[...] = 0.5
    assert {name for _, name in fused.averages} == {"W"}
    assert len(fused.averages) == 3


def test_optimizer_that_overrides_call_is_called(node):
    calls = []

    class Logging(Optimizer):
        def __call__(self, key, weights, gradient, *, lr_scale=1.0):
            calls.append(key)
            return super().__call__(key, weights, gradient, lr_scale=lr_scale)

    model = build_pair(node)
    model.finish_update(Logging(0.01))
    assert calls == [(layer.id, "W") for layer in model.walk()]


@pytest.mark.parametrize("optimizer", ["fused", "plain"])
def test_bad_gradient_is_found_before_anything_changes(node, plain_sgd, optimizer):
    model = build_pair(node)
    list(model.walk())[-1].set_grad("W", numpy.ones(4, dtype="f"))
    with pytest.raises(ValueError, match=r"W.*second.*3.*4"):
        model.finish_update(plain_sgd if optimizer == "plain" else Adam(0.01))
    assert [list(layer.get_param("W")) for layer in model.walk()] == [[7, 8, 9], [1, 2, 3], [4, 5, 6]]


def test_use_params_swaps_and_restores(node):
    inner = node("inner", W=[1, 2])
    outer = node("outer", inner, inner, W=[3, 4])
    before = outer.get_param("W"), inner.get_param("W")
    average = numpy.zeros(2, dtype="f")
    with outer.use_params({(inner.id, "W"): average, (outer.id, "other"): 1, ("x", "y"): 2}):
        assert inner.get_param("W") is average
        assert outer.get_param("W") is before[0]
    assert inner.get_param("W") is before[1]
    with outer.use_params({}):
        pass


def test_use_params_reaches_shims(node):
    class Swapped(ScaleShim):
        inside = False

        def use_params(self, params):
            from contextlib import contextmanager

            @contextmanager
            def swap():
                self.inside = True
                try:
                    yield
                finally:
                    self.inside = False

            return swap()

    shim = Swapped()
    model = node("outer", node("inner", shims=[shim]))
    with pytest.raises(ZeroDivisionError), model.use_params({}):
        assert shim.inside
        _ = 1 / 0
    assert not shim.inside


def test_edge_model_2_use_params_restores_when_the_body_raises(node):
    model = node("outer", node("inner", W=[1, 2]))
    inner = model.layers[0]
    old = inner.get_param("W")
    with pytest.raises(ZeroDivisionError), model.use_params({(inner.id, "W"): numpy.zeros(2)}):
        _ = 1 / 0
    assert inner.get_param("W") is old


def test_use_params_of_an_unset_parameter_changes_nothing(node):
    inner = node("inner", params={"W": None})
    outer = node("outer", inner, W=[3, 4])
    old = outer.get_param("W")
    params = {(outer.id, "W"): numpy.zeros(2), (inner.id, "W"): numpy.zeros(2)}
    with pytest.raises(KeyError), outer.use_params(params):
        pass
    assert outer.get_param("W") is old


# Devices


def test_edge_model_34_to_cpu_moves_parameters_gradients_and_shims():
    shim = ScaleShim()
    inner = Model("inner", identity, params={"W": numpy.ones(2, dtype="float64"), "b": None}, shims=[shim])
    inner.set_grad("W", numpy.ones(2, dtype="float64"))
    model = Model("outer", identity, layers=[inner])
    assert model.to_cpu() is None
    assert inner.get_param("W").dtype == inner.get_grad("W").dtype == "float32"
    assert inner.has_param("b") is None
    assert isinstance(inner.ops, NumpyOps)
    assert inner.ops is model.ops
    assert shim.devices == [("cpu", -1)]


# Copies


def test_pickle_and_deepcopy_keep_class_and_id():
    model = Model("layer", numpy_forward, params={"W": numpy.ones(2)}, dims={"nO": 2}, attrs={"a": [1]})
    counter = Model.global_id
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert copied.id == model.id
        assert type(copied) is Model
        assert_array_equal(copied.get_param("W"), [1, 1])
        assert copied.get_param("W") is not model.get_param("W")
        assert copied.init.args == (copied,)
        assert copied.attrs == {"a": [1]}
    assert Model.global_id == counter


def numpy_forward(model, X, is_train):
    return X, None


@pytest.mark.parametrize("kind", [Model, Shim])
def test_edge_model_8_unpickled_ids_never_collide_with_new_ones(kind):
    far = Model("layer", numpy_forward) if kind is Model else Shim(None)
    far.id = Model.global_id + 1000  # as if made in another process
    loaded = pickle.loads(pickle.dumps(far))
    assert loaded.id == far.id
    assert Model("new", numpy_forward).id > loaded.id
    assert Shim(None).id > loaded.id


def test_copy_gives_new_ids_and_independent_state():
    child = Model("child", identity, params={"W": numpy.ones(2), "b": None}, dims={"nO": 2}, attrs={"a": [1]})
    child.set_grad("W", numpy.ones(2))
    model = Model("outer", identity, layers=[child, child], init=empty_init)
    copied = model.copy()
    (new, again) = copied.layers
    assert new is again
    assert new is not child
    assert new._func is child._func
    assert copied.init is empty_init
    assert len({model.id, child.id, copied.id, new.id}) == 4
    assert new.param_names == ("W", "b")
    assert new.has_param("b") is None
    new.get_param("W")[...] = 5
    new.get_grad("W")[...] = 5
    new.attrs["a"].append(2)
    new.set_dim("nO", 2)
    assert_array_equal(child.get_param("W"), [1, 1])
    assert_array_equal(child.get_grad("W"), [1, 1])
    assert child.attrs == {"a": [1]}


def test_edge_model_4_copy_keeps_ops():
    ops = NumpyOps()
    model = Model("outer", identity, layers=[Model("pinned", identity, ops=ops)])
    with use_ops("numpy"):
        assert model.copy().layers[0].ops is ops


def test_edge_model_5_copy_maps_refs():
    outside = Model("outside", identity)
    child = Model("child", identity)
    model = Model("outer", identity, layers=[child], refs={"c": child, "n": None, "o": outside})
    copied = model.copy()
    assert copied.get_ref("c") is copied.layers[0]
    assert copied.has_ref("n") is None
    assert copied.get_ref("o") is outside
    assert copied.ref_names == model.ref_names


def test_edge_model_6_copy_rebinds_the_default_init():
    copied = Model("layer", identity).copy()
    assert copied.init.func is empty_init
    assert copied.init.args == (copied,)


def test_copy_maps_nodes_and_arrays_that_occur_twice():
    W = numpy.ones(2)
    a, b = Model("a", identity, params={"W": W}), Model("b", identity, params={"W": W})
    shim = ScaleShim()
    model = Model("outer", identity, layers=[a, b], shims=[shim, shim], attrs={"resize": partial(max, a)})
    copied = model.copy()
    assert copied.layers[0].get_param("W") is copied.layers[1].get_param("W") is not W
    assert copied.attrs["resize"].args == (copied.layers[0],)
    assert copied.shims[0] is copied.shims[1] is not shim
    assert copied.shims[0].id != shim.id


def test_copy_of_a_cycle_and_of_a_deep_tree():
    model = Model("outer", identity)
    model.layers.append(model)
    copied = model.copy()
    assert copied.layers == [copied]
    deep = Model("leaf", identity)
    for i in range(3000):
        deep = Model(str(i), identity, layers=[deep])
    assert len(list(deep.copy().walk(order="dfs_post"))) == 3001


# Operators

SYMBOLS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "@": lambda a, b: a @ b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "&": lambda a, b: a & b,
    "^": lambda a, b: a ^ b,
    "|": lambda a, b: a | b,
}


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_operators(symbol):
    model = Model("a", identity)
    with pytest.raises(TypeError, match="operator"):
        SYMBOLS[symbol](model, 3)
    with Model.define_operators({symbol: lambda a, b: (a, b)}) as bound:
        assert bound is None
        assert SYMBOLS[symbol](model, 3) == (model, 3)
    assert Model._context_operators.get() == {}


def test_operators_nest_by_replacing_and_stay_in_their_thread():
    model = Model("a", identity)
    seen = []
    bindings = {">>": lambda a, b: "chain"}
    with Model.define_operators(bindings):
        bindings.clear()
        assert model >> model == "chain"
        with Model.define_operators({"|": lambda a, b: "concatenate"}), pytest.raises(TypeError, match=">>"):
            model >> model
        assert model >> model == "chain"
        thread = threading.Thread(target=lambda: seen.append(Model._context_operators.get()))
        thread.start()
        thread.join()
        assert copy_context().run(lambda: model >> model) == "chain"
    assert seen == [{}]


def test_edge_model_2_operators_are_unbound_when_the_body_raises():
    with pytest.raises(ZeroDivisionError), Model.define_operators({"+": lambda a, b: a}):
        _ = 1 / 0
    assert Model._context_operators.get() == {}


# Helpers


def test_change_attr_values():
    a, b = Model("a", identity, attrs={"x": 1, "y": 2}), Model("b", identity, attrs={"x": 3})
    model = Model("outer", identity, layers=[a, b])
    assert change_attr_values(model, {"a": {"x": 10, "new": 1}, "none": {"x": 0}}) is model
    assert a.attrs == {"x": 10, "y": 2}
    assert b.attrs == {"x": 3}


def test_set_dropout_rate():
    a, b = Model("a", identity, attrs={"dropout_rate": 0.1}), Model("b", identity, attrs={"rate": 0.1})
    model = Model("outer", identity, layers=[a, b])
    assert set_dropout_rate(model, 0.5) is model
    assert (a.attrs, b.attrs, model.attrs) == ({"dropout_rate": 0.5}, {"rate": 0.1}, {})
    set_dropout_rate(model, 0.2, attrs=["rate"])
    assert (a.attrs, b.attrs) == ({"dropout_rate": 0.5}, {"rate": 0.2})
