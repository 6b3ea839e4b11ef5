"""Plugin of mypy: how layers fit together, said of the layers themselves, and for any number of them.

Enabled with ``plugins = thinc.mypy`` in mypy's configuration. Without it, mypy checks `chain` and the like by
their overloads: up to ten layers, with messages about type variables.

A function is checked if it returns ``Model[..., XY_YZ_OutT]``, which stands for layers one after the other, or
``Model[..., XY_XY_OutT]``, for layers side by side, with these two variables of `thinc.types`.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from mypy.checker import TypeChecker  # comes first: mypy's modules import each other in a circle
from mypy.errorcodes import ErrorCode
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import ARG_POS, CallExpr, Context, Decorator, Expression, FuncBase, Node, RefExpr
from mypy.plugin import FunctionContext, FunctionSigContext, Plugin
from mypy.subtypes import is_equivalent, is_subtype
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    ProperType,
    Type,
    TypeOfAny,
    TypeVarId,
    TypeVarLikeType,
    TypeVarType,
    UninhabitedType,
    get_proper_type,
)

MODEL = "thinc.model.Model"
CHAINED = "thinc.types.XY_YZ_OutT"
SIDE_BY_SIDE = "thinc.types.XY_XY_OutT"

error_layer_input = ErrorCode("layer-mismatch-input", "Invalid layer input", "Thinc")
error_layer_output = ErrorCode("layer-mismatch-output", "Invalid layer output", "Thinc")


def plugin(version: str) -> type[Plugin]:
    """Return the plugin; mypy calls this with its version."""
    return ThincPlugin


class ThincPlugin(Plugin):
    """Takes the calls that put layers together, and leaves the others to mypy and its other plugins."""

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Check the layers and infer the type of what they make."""
        return check_layers if self._takes_layers(fullname) else None

    def get_function_signature_hook(
        self, fullname: str
    ) -> Callable[[FunctionSigContext], FunctionLike] | None:
        """Keep mypy from comparing the same layers."""
        return separate_layers if self._takes_layers(fullname) else None

    def _takes_layers(self, fullname: str) -> bool:
        symbol = self.lookup_fully_qualified(fullname)
        return symbol is not None and _find_marker(symbol.node) is not None


class IntrospectChecker(TypeChecker):
    """mypy's checker as programs annotate it that look at the messages of the plugin."""

    _error_messages: list[str]


class Layer(NamedTuple):
    """A layer in a call, with the types of what goes into it and comes out of it."""

    expr: Expression
    input: ProperType
    output: ProperType


def separate_layers(ctx: FunctionSigContext) -> FunctionLike:
    """Give each layer type variables of its own, if it is for `check_layers` to compare them."""
    signature = ctx.default_signature
    marker = _get_marker(ctx.context)
    model = get_proper_type(signature.ret_type)
    if marker is None or not isinstance(model, Instance) or not isinstance(ctx.context, CallExpr):
        return signature
    variables: list[TypeVarLikeType] = []
    layers: list[Instance] = []
    for position in range(len(ctx.context.args)):
        formal = signature.argument_by_position(position)
        layer = None if formal is None else get_proper_type(formal.typ)
        if not isinstance(layer, Instance) or len(layer.args) != 2:
            return signature  # mypy reports that there are too many, and does without our help otherwise
        args: list[Type] = []
        for arg in map(get_proper_type, layer.args):
            if isinstance(arg, (AnyType, TypeVarType)):
                arg = marker.copy_modified(id=TypeVarId.new(meta_level=0))
                variables.append(arg)
            args.append(arg)
        layers.append(layer.copy_modified(args=args))
    if not layers or len(layers) < signature.min_args:
        return signature
    last = layers[-1 if marker.fullname == CHAINED else 0]
    return signature.copy_modified(
        arg_types=layers,
        arg_kinds=[ARG_POS] * len(layers),
        arg_names=[None] * len(layers),
        ret_type=model.copy_modified(args=[layers[0].args[0], last.args[1]]),
        variables=variables,
    )


def check_layers(ctx: FunctionContext) -> Type:
    """Report layers that do not fit together; return the type of the model that they make.

    Calls with lists of layers, or with anything but layers, are left to mypy.
    """
    default = get_proper_type(ctx.default_return_type)
    marker = _get_marker(ctx.context)
    layers = _get_layers(ctx)
    if marker is None or not layers or not isinstance(default, Instance):
        return default
    if marker.fullname == CHAINED:
        layers = _infer_unchanged(layers)
        for a, b in pairwise(layers):
            _check_chained(ctx, a, b)
        outer = [layers[0].input, layers[-1].output]
    else:
        for a, b in pairwise(layers):
            _check_equal(ctx, "input", (a.expr, a.input), (b.expr, b.input), error_layer_input)
            _check_equal(ctx, "output", (a.expr, a.output), (b.expr, b.output), error_layer_output)
        outer = [_get_known(layer.input for layer in layers), _get_known(layer.output for layer in layers)]
    return default.copy_modified(args=[_get_known(pair) for pair in zip(default.args, outer, strict=True)])


def _check_chained(ctx: FunctionContext, a: Layer, b: Layer) -> None:
    if is_subtype(a.output, b.input):
        return
    message = f"Layer outputs type ({a.output}) but the next layer expects ({b.input}) as an input"
    ctx.api.fail(message, a.expr, code=error_layer_output)
    message = f"Layer input type ({b.input}) is not compatible with output ({a.output}) from previous layer"
    ctx.api.fail(message, b.expr, code=error_layer_input)


def _check_equal(
    ctx: FunctionContext,
    side: str,
    a: tuple[Expression, ProperType],
    b: tuple[Expression, ProperType],
    code: ErrorCode,
) -> None:
    (expr_a, type_a), (expr_b, type_b) = a, b
    if is_equivalent(type_a, type_b):
        return
    message = f"Layer {side} ({type_a}) not compatible with next layer {side} ({type_b})"
    ctx.api.fail(message, expr_a, code=code)
    message = f"Layer {side} ({type_b}) not compatible with previous layer {side} ({type_a})"
    ctx.api.fail(message, expr_b, code=code)


def _get_known(types: Iterable[Type]) -> ProperType:
    """Return the first of some types that is not Any; Any if all are."""
    known: ProperType = AnyType(TypeOfAny.special_form)
    for typ in map(get_proper_type, types):
        if not isinstance(typ, (AnyType, UninhabitedType)):
            return typ
        known = typ
    return known


def _infer_unchanged(layers: list[Layer]) -> list[Layer]:
    """Give layers such as ``Dropout()``, which return what they get, the types of their neighbours."""
    layers = list(layers)
    for i in range(1, len(layers)):
        if _is_unchanged(layers[i]):
            layers[i] = Layer(layers[i].expr, layers[i - 1].output, layers[i - 1].output)
    for i in reversed(range(len(layers) - 1)):
        if _is_unchanged(layers[i]):
            layers[i] = Layer(layers[i].expr, layers[i + 1].input, layers[i + 1].input)
    return layers


def _is_unchanged(layer: Layer) -> bool:
    """Whether a layer that can take anything is made by a function that returns ``Model[T, T]``."""
    call = layer.expr
    if not (isinstance(layer.input, AnyType) and isinstance(layer.output, AnyType)):
        return False
    if not (isinstance(call, CallExpr) and isinstance(call.callee, RefExpr)):
        return False
    returned = [_get_model_args(signature.ret_type) for signature in _get_signatures(call.callee.node)]
    return bool(returned) and all(
        len(args) == 2 and isinstance(args[0], TypeVarType) and args[0] == args[1] for args in returned
    )


def _get_layers(ctx: FunctionContext) -> list[Layer]:
    """Return all arguments as layers; [] if one of them is anything else."""
    layers = []
    for exprs, types in zip(ctx.args, ctx.arg_types, strict=True):
        for expr, argument in zip(exprs, types, strict=True):
            typ = get_proper_type(argument)
            args = [typ, typ] if isinstance(typ, AnyType) else _get_model_args(typ)
            if len(args) != 2:
                return []
            layers.append(Layer(expr, args[0], args[1]))
    return layers


def _get_model_args(typ: Type) -> list[ProperType]:
    """Return the types of the input and the output of a Model, or of a subclass; [] for other types."""
    model = get_proper_type(typ)
    if isinstance(model, TypeVarType):
        model = get_proper_type(model.upper_bound)
    if not isinstance(model, Instance):
        return []
    for base in model.type.mro:
        if base.fullname == MODEL:
            return [get_proper_type(arg) for arg in map_instance_to_supertype(model, base).args]
    return []


def _get_marker(call: Context) -> TypeVarType | None:
    """Return the variable of `thinc.types` that says how a function puts layers together.

    None unless it gets them one by one, without names: lists of unknown length cannot be checked.
    """
    if not isinstance(call, CallExpr) or not isinstance(call.callee, RefExpr):
        return None
    return _find_marker(call.callee.node) if all(kind == ARG_POS for kind in call.arg_kinds) else None


def _find_marker(node: Node | None) -> TypeVarType | None:
    for signature in _get_signatures(node):
        for arg in _get_model_args(signature.ret_type)[1:]:
            if isinstance(arg, TypeVarType) and arg.fullname in (CHAINED, SIDE_BY_SIDE):
                return arg
    return None


def _get_signatures(node: Node | None) -> list[CallableType]:
    """Return the declared type of a function, or those of its overloads."""
    typ: Type | None = None
    if isinstance(node, Decorator):
        typ = node.var.type or node.func.type
    elif isinstance(node, FuncBase):
        typ = node.type
    function = get_proper_type(typ)
    return list(function.items) if isinstance(function, FunctionLike) else []
