"""Outputs that a class declares and does not set are there all the same: they are missing."""

import pytest
from ewokscore import Task
from ewokscore.missing_data import MISSING_DATA
from pushflow_as_engine import execute_graph

PARTIAL = {"id": "a", "task_type": "class", "task_identifier": "test_unset_outputs.Partial"}
SHOW = {
    "id": "b",
    "task_type": "method",
    "task_identifier": "test_unset_outputs.show",
    "default_inputs": [{"name": "x", "value": 1}, {"name": "y", "value": 2}],
}


class Partial(Task, output_names=["given", "never"]):
    def run(self):
        self.outputs.given = 5


def show(**inputs):
    return inputs


def run(**link):
    links = [dict(link, source="a", target="b")] if link else []
    return execute_graph({"nodes": [PARTIAL, SHOW] if link else [PARTIAL], "links": links})


def test_result():
    assert run() == {"given": 5, "never": MISSING_DATA}


def test_defaults_are_removed():
    mapping = [{"source_output": "given", "target_input": "x"}, {"source_output": "never", "target_input": "y"}]
    assert run(data_mapping=mapping) == {"return_value": {"x": 5}}
    assert run(map_all_data=True) == {"return_value": {"x": 1, "y": 2, "given": 5}}


def test_conditions():
    assert run(conditions=[{"source_output": "never", "value": 1}]) == {}
    with pytest.raises(RuntimeError, match="unhashable type: 'MissingData'"):
        run(conditions=[{"source_output": "never", "value": None}])
