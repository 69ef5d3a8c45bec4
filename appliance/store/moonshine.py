"""Recipes that take Moonshine's published decoder apart and leave its weights in eight bits.

As published, base (``.ort``) holds eight-bit weights that become floats at every step: 0.6 GB and
0.9 s for a request. And the decoder is two graphs in one, with and without memory of its own
steps, so that each keeps its own packed weights. Here they become

* ``encoder.onnx``: sound → what the decoder attends to,
* ``cross.onnx``: that → keys and values of every layer, once for each request,
* ``step.onnx``: one token and its memory → the next; the first step has an empty memory; its
  table of tokens goes into a file of its own (``tables``),

with products in eight bits. The same words come out, in a third of the memory and a quarter of
the time (measured on 2026-11-21: ``tests/benchmarks/memory.py``).
"""

import importlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from appliance.errors import ModelError

_MICROSOFT = "com.microsoft"  # the domain of onnxruntime's own operators


class _Weight(NamedTuple):
    """An eight-bit matrix: ``(values - zero) * scale``."""

    values: NDArray[np.int8]
    scale: float
    zero: int


class _Part(NamedTuple):
    """Nodes that become a model of their own."""

    nodes: list[Any]
    constants: dict[str, Any]
    inputs: Sequence[Any]
    outputs: Mapping[str, str]
    """From the new name to the one in ``nodes``."""


def encoder(ingredient: Path, product: Path) -> None:
    """Make ``encoder.onnx`` of ``encoder_model.ort``."""
    model = _read(ingredient)
    graph = model.graph
    outputs = {"encoder_hidden_states": graph.output[0].name}
    constants = {constant.name: constant for constant in graph.initializer}
    part = _Part(list(graph.node), constants, graph.input, outputs)
    _write(_eight_bit(part, _weights(graph)), product, model)


def cross(ingredient: Path, product: Path) -> None:
    """Make ``cross.onnx`` of ``decoder_model_merged.ort``."""
    model = _read(ingredient)
    graph = model.graph
    names, branch = _branch(graph, with_memory=False)
    makers = {output: node for node in branch.node for output in node.output}
    shape = _head_shape(graph)
    outputs: dict[str, str] = {}
    for name, output in zip(names, branch.output, strict=True):
        if ".encoder." not in name:
            continue
        reshape = makers[makers[output.name].input[0]]
        reshape.input[1] = shape.name  # else the batch size drags the whole decoder in
        outputs[name.replace("present", "past_key_values")] = output.name
    constants = _constants(graph, branch) | {shape.name: shape}
    part = _Part(_nodes(graph, branch), constants, graph.input, outputs)
    _write(_eight_bit(part, _weights(graph)), product, model)


def step(ingredient: Path, product: Path) -> None:
    """Make ``step.onnx`` of ``decoder_model_merged.ort``."""
    model = _read(ingredient)
    graph = model.graph
    names, branch = _branch(graph, with_memory=True)
    outputs = {
        name: output.name
        for name, output in zip(names, branch.output, strict=True)
        if ".encoder." not in name
    }
    constants = _constants(graph, branch)
    part = _Part(_nodes(graph, branch), constants, graph.input, outputs)
    _write(_eight_bit(part, _weights(graph)), product, model)


def _onnx() -> Any:  # noqa: ANN401 - the package has no types
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise ModelError(
            "making it needs the package onnx: `./run models` installs it (dependency group setup)"
        ) from error


def _read(ingredient: Path) -> Any:  # noqa: ANN401
    """Have onnxruntime write its own format down as ONNX, and read that."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        _convert(ingredient, plain, form="ORT", optimise=False)
        return _onnx().load(plain)


def _convert(source: Path, target: Path, *, form: str, optimise: bool) -> None:
    """Load a model of a form (whatever its name ends in) and write it down as ONNX."""
    import onnxruntime as ort  # noqa: PLC0415 - set-up only, and slow to import

    level = ort.GraphOptimizationLevel
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = (
        level.ORT_ENABLE_EXTENDED if optimise else level.ORT_DISABLE_ALL
    )
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.load_model_format", form)
    options.add_session_config_entry("session.save_model_format", "ONNX")
    try:
        ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen classes of its own
        raise ModelError(f"{source.name} cannot be taken apart: {error}") from error


def _branch(graph: Any, *, with_memory: bool) -> tuple[list[str], Any]:  # noqa: ANN401
    """Return the decoder's outputs and the half of it that remembers its steps, or the other."""
    (choice,) = [node for node in graph.node if node.op_type == "If"]
    halves = {attribute.name: attribute.g for attribute in choice.attribute}
    return list(choice.output), halves["then_branch" if with_memory else "else_branch"]


def _nodes(graph: Any, branch: Any) -> list[Any]:  # noqa: ANN401
    return [*(node for node in graph.node if node.op_type != "If"), *branch.node]


def _constants(*graphs: Any) -> dict[str, Any]:  # noqa: ANN401
    return {constant.name: constant for graph in graphs for constant in graph.initializer}


def _head_shape(graph: Any) -> Any:  # noqa: ANN401
    """Return the constant shape (batch, positions, heads, width of a head)."""
    (memory,) = [value for value in graph.input if value.name == "past_key_values.0.decoder.key"]
    dimensions = memory.type.tensor_type.shape.dim
    shape = np.array([0, -1, dimensions[1].dim_value, dimensions[3].dim_value], np.int64)
    return _onnx().numpy_helper.from_array(shape, "head_shape")


def _weights(graph: Any) -> dict[str, _Weight]:  # noqa: ANN401
    """Find the eight-bit matrices behind Cast, Mul (scale) and Add (zero point)."""
    read = _onnx().numpy_helper.to_array
    constants = _constants(graph)
    cast: dict[str, str] = {}
    scaled: dict[str, tuple[str, str]] = {}
    found: dict[str, _Weight] = {}
    for node in graph.node:
        first = node.input[0] if node.input else ""
        if node.op_type == "Cast" and first in constants:
            cast[node.output[0]] = first
        elif node.op_type == "Mul" and first in cast:
            scaled[node.output[0]] = cast[first], node.input[1]
        elif node.op_type == "Add" and first in scaled:
            values, scale = scaled[first]
            size = float(read(constants[scale]).item())
            offset = float(read(constants[node.input[1]]).item())
            weight = _Weight(read(constants[values]), size, round(-offset / size))
            if weight.values.dtype == np.int8 and abs(weight.zero * size + offset) < size / 100:
                found[node.output[0]] = weight
    return found


def _eight_bit(part: _Part, weights: Mapping[str, _Weight]) -> _Part:
    """Replace what reads a float made of eight bits by what reads the eight bits."""
    helper, array = _onnx().helper, _onnx().numpy_helper.from_array
    turned = {
        node.output[0]: node.input[0]
        for node in part.nodes
        if node.op_type == "Transpose" and node.input[0] in weights
    }
    constants = dict(part.constants)
    nodes: list[Any] = []

    def put(name: str, value: NDArray[Any]) -> str:
        constants[name] = array(np.ascontiguousarray(value), name)
        return name

    for node in part.nodes:
        source = next((name for name in node.input if name in weights or name in turned), None)
        if source is None or node.op_type == "Transpose":
            nodes.append(node)
            continue
        weight = weights[turned.get(source, source)]
        if node.op_type == "MatMul" and node.input[1] == source:
            values = weight.values.T if source in turned else weight.values
            given = [
                node.input[0],
                put(f"{source}.values", (values.astype(np.int16) + 128).astype(np.uint8)),
                put(f"{source}.scale", np.array(weight.scale, np.float32)),
                put(f"{source}.zero", np.array(weight.zero + 128, np.uint8)),
            ]
            kind = "DynamicQuantizeMatMul"
            nodes.append(helper.make_node(kind, given, node.output, domain=_MICROSOFT))
        elif node.op_type == "Gather" and node.input[0] == source:
            rows = f"{source}.rows"
            given = [
                rows,
                put(f"{source}.scale", np.array(weight.scale, np.float32)),
                put(f"{source}.row_zero", np.array(weight.zero, np.int8)),
            ]
            table = put(f"{source}.table", weight.values)
            nodes.append(helper.make_node("Gather", [table, node.input[1]], [rows], axis=0))
            nodes.append(helper.make_node("DequantizeLinear", given, node.output))
        else:  # a convolution: few weights, much reuse
            floats = (weight.values.astype(np.float32) - weight.zero) * np.float32(weight.scale)
            put(source, floats)
            nodes.append(node)
    return part._replace(nodes=nodes, constants=constants)


def _write(part: _Part, product: Path, source: Any) -> None:  # noqa: ANN401
    """Keep what the outputs need, join what onnxruntime can join, and save."""
    onnx = _onnx()
    named = [
        onnx.helper.make_node("Identity", [old], [new])
        for new, old in part.outputs.items()
        if new != old
    ]
    nodes = _needed([*part.nodes, *named], part.outputs, part.constants)
    used = {name for node in nodes for name in node.input}
    graph = onnx.helper.make_graph(
        nodes,
        "moonshine",
        [value for value in part.inputs if value.name in used],
        [onnx.helper.make_tensor_value_info(name, 1, None) for name in part.outputs],
        [constant for name, constant in part.constants.items() if name in used],
    )
    model = onnx.helper.make_model(graph, opset_imports=source.opset_import, ir_version=8)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(model, plain)
        _convert(plain, product, form="ONNX", optimise=True)


def _needed(nodes: list[Any], outputs: Iterable[str], constants: Mapping[str, Any]) -> list[Any]:
    """Return the nodes on which the outputs depend, in their order."""
    makers = {output: number for number, node in enumerate(nodes) for output in node.output}
    wanted = list(outputs)
    kept: set[int] = set()
    while wanted:
        name = wanted.pop()
        number = makers.get(name) if name not in constants else None
        if number is not None and number not in kept:
            kept.add(number)
            wanted.extend(nodes[number].input)
    return [node for number, node in enumerate(nodes) if number in kept]
