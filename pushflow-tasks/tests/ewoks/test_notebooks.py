"""Tasks of the type `notebook`, which papermill executes: in `pushflow` and in ewoksppf."""

import json
import os

import nbformat
import pytest
from ewoksppf import execute_graph

KERNEL = {"name": "_kernel_name", "value": "python3"}


def notebook(folder, body):
    """Writes a notebook whose parameters are `a` and `b`."""
    cells = [
        nbformat.v4.new_code_cell("a = 0\nb = 0", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(body),
        nbformat.v4.new_code_cell("total", metadata={"tags": ["results"]}),
    ]
    path = folder / "task.ipynb"
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), str(path))
    return path


def graph(path, **inputs):
    given = [KERNEL] + [{"name": name, "value": value} for name, value in inputs.items()]
    nodes = [
        {"id": "book", "task_type": "notebook", "task_identifier": str(path), "default_inputs": given},
        {"id": "all", "task_type": "method", "task_identifier": "builtins.dict"},
    ]
    links = [{"source": "book", "target": "all", "map_all_data": True}]
    return {"graph": {"id": "notebooks", "schema_version": "1.1"}, "nodes": nodes, "links": links}


def kernels(mark):
    """The processes whose environment has a mark, and that are kernels."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                is_marked = mark.encode() in file.read()
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                is_kernel = b"ipykernel" in file.read()
        except OSError:
            continue
        if is_marked and is_kernel:
            found.append(pid)
    return found


@pytest.mark.parametrize("pool", ["process", "thread"])
def test_results_are_those_of_ewoksppf(tmp_path, pushflow, pool):
    path = notebook(tmp_path, "total = a + b")
    theirs = execute_graph(graph(path, a=3, b=4), pool_type="thread")
    answer = pushflow(graph(path, a=3, b=4), pool=pool)
    assert answer["result"] == theirs == {"return_value": {"output_notebook": None, "results": {"total": 7}}}


@pytest.mark.parametrize("pool", ["process", "thread"])
def test_a_failure_names_the_cell(tmp_path, pushflow, pool):
    path = notebook(tmp_path, "total = a + b")
    failing = graph(path, a="text", b=4)
    with pytest.raises(RuntimeError) as caught:
        execute_graph(failing, pool_type="thread")
    answer = pushflow(failing, pool=pool)
    (failure,) = answer["failures"]
    assert (failure["node"], failure["kind"], failure["type"]) == ("book", "raised", "TaskExecutionError")
    assert failure["message"] == answer["error"]["message"] == str(caught.value)
    text = "\n".join(failure["traceback"])
    assert "Cell In[3], line 1" in text and "PapermillExecutionError" in text
    assert failure["traceback"][-1] == 'TypeError: can only concatenate str (not "int") to str'


@pytest.mark.parametrize("pool", ["process", "thread"])
def test_what_was_executed_is_kept_where_it_is_wanted(tmp_path, pushflow, pool):
    path, kept = notebook(tmp_path, "total = a + b"), tmp_path / "executed.ipynb"
    answer = pushflow(graph(path, a=1, b=1, _output_notebook=str(kept)), pool=pool)
    assert answer["result"]["return_value"] == {"output_notebook": str(kept), "results": {"total": 2}}
    cells = json.loads(kept.read_text())["cells"]
    assert [cell["source"] for cell in cells if "injected-parameters" in cell["metadata"].get("tags", [])]
    kept.unlink()
    answer = pushflow(graph(path, a="x", b=1, _output_notebook=str(kept)), pool=pool)
    assert answer["error"] is not None
    # As far as it came, with the error in it.
    assert "TypeError" in kept.read_text()


@pytest.mark.parametrize("pool", ["process", "thread", "multiprocessing"])
def test_one_whose_time_is_over_leaves_no_kernel(tmp_path, pushflow, monkeypatch, pool):
    mark = "PUSHFLOW_TEST_MARK=%s" % tmp_path
    monkeypatch.setenv(*mark.split("="))
    path = notebook(tmp_path, "import pathlib, time\npathlib.Path(a).touch()\ntime.sleep(1000)\ntotal = 1")
    begun = tmp_path / "begun"
    # Long enough for a kernel to start, mostly; how far it comes is not what is tested.
    answer = pushflow(graph(path, a=str(begun)), pool=pool, arguments=["--task-timeout", "20"])
    (failure,) = answer["failures"]
    assert (failure["node"], failure["kind"]) == ("book", "timed_out")
    while kernels(mark):
        # A kernel that has lost its parent looks for it once a second.
        os.sched_yield()
