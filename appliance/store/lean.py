"""A recipe for MiniLM as published: weights in eight bits that become floats when it is loaded.

onnxruntime makes floats of the whole table of words (47 MB) and of every matrix (43 MB), once, and
keeps them: 97 MB for a model of 23. Here rows of the table become floats when they are looked up,
and products are made in eight bits, inputs quantised as they come.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from appliance.errors import ModelError


def eight_bit(ingredient: Path, product: Path) -> None:
    """Make an ONNX model use its eight-bit weights as they are.

    Raises:
        ModelError: The tools of set-up are not installed, or there are no such weights.
    """
    try:
        onnx = importlib.import_module("onnx")
    except ImportError as error:
        raise ModelError(
            "making it needs the package onnx: `./run models` installs it (dependency group setup)"
        ) from error
    model = onnx.load(ingredient)
    graph = model.graph
    weights = _weights(graph)
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0] in weights:
            nodes += _rows(onnx.helper.make_node, node, *weights[node.input[0]])
        elif node.op_type == "MatMul" and node.input[1] in weights:
            given = [node.input[0], *_columns(onnx, graph, *weights[node.input[1]])]
            nodes.append(
                onnx.helper.make_node(
                    "DynamicQuantizeMatMul", given, node.output, domain="com.microsoft"
                )
            )
        else:
            nodes.append(node)
    if nodes == list(graph.node):
        raise ModelError(f"{ingredient}: it has no weights in eight bits")
    _keep(graph, nodes)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, product)


def _keep(graph: Any, nodes: list[Any]) -> None:  # noqa: ANN401
    """Make these the graph's nodes, without what nobody reads any more."""
    read = {output.name for output in graph.output}
    kept: list[Any] = []
    for node in reversed(nodes):
        if read.intersection(node.output):
            kept.append(node)
            read.update(node.input)
    constants = [constant for constant in graph.initializer if constant.name in read]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _columns(onnx: Any, graph: Any, values: str, scales: str) -> list[str]:  # noqa: ANN401
    """Add a matrix in unsigned bytes, with a scale and a zero for each column; name the three.

    Unsigned, because products of signed bytes overflow on x86 processors before VNNI.
    """
    helper = onnx.numpy_helper
    constants = {constant.name: constant for constant in graph.initializer}
    flat = helper.to_array(constants[scales]).reshape(-1)
    added = {
        f"{values}.unsigned": (helper.to_array(constants[values]).astype(np.int16) + 128),
        f"{values}.scale": flat,
        f"{values}.zero": np.full(flat.shape, 128),
    }
    for name, array in added.items():
        kind = np.float32 if name.endswith(".scale") else np.uint8
        if name not in constants:
            graph.initializer.append(helper.from_array(array.astype(kind), name))
    return list(added)


def _rows(make: Any, node: Any, values: str, scales: str) -> list[Any]:  # noqa: ANN401
    wanted, (found,) = node.input[1], node.output
    return [
        make("Gather", [values, wanted], [f"{found}.values"]),
        make("Gather", [scales, wanted], [f"{found}.scales"]),
        make("Cast", [f"{found}.values"], [f"{found}.floats"], to=1),
        make("Mul", [f"{found}.floats", f"{found}.scales"], [found]),
    ]


def _weights(graph: Any) -> dict[str, tuple[str, str]]:  # noqa: ANN401 - no types
    """Find ``Cast(values) * scales``: from its name to those of values and scales."""
    constants = {constant.name for constant in graph.initializer}
    casts = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in constants
    }
    return {
        node.output[0]: (casts[node.input[0]], node.input[1])
        for node in graph.node
        if node.op_type == "Mul" and node.input[0] in casts and node.input[1] in constants
    }
