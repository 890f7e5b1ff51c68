"""A plugin of pytest: the tests of ewoksppf, unchanged, execute their workflows by the command `pushflow`.

The command is in the variable PUSHFLOW.
"""

import json
import math
import os
import subprocess
import tempfile

import ewoksppf
from ewokscore import load_graph
from ewokscore.missing_data import MISSING_DATA
from ewoksppf import bindings
from ewoksutils import exceptions


def execute_graph(
    graph,
    inputs=None,
    varinfo=None,
    execinfo=None,
    task_options=None,
    timeout=None,
    raise_on_error=True,
    startargs=None,
    pool_type=None,
    pre_import=None,
    **options
):
    """Executes a workflow in the way of ewoksppf."""
    unknown = {name: value for name, value in options.items() if value not in (None, False, True)}
    if unknown:
        raise NotImplementedError("options that the command is not given here: %s" % unknown)
    if not isinstance(graph, dict):
        graph = load_graph(graph).dump()
    with tempfile.TemporaryDirectory() as folder:
        workflow = os.path.join(folder, "workflow.json")
        with open(workflow, "w") as file:
            json.dump(graph, file)
        command = [os.environ["PUSHFLOW"], "run", workflow, "--output-format", "json"]
        if inputs:
            command += ["--inputs", os.path.join(folder, "inputs.json")]
            with open(command[-1], "w") as file:
                json.dump(inputs, file)
        told = {"varinfo": varinfo, "timeout": timeout, "raise_on_error": raise_on_error}
        told.update(startargs=startargs, pool_type=pool_type, pre_import=pre_import)
        told.update(execinfo=execinfo, task_options=task_options)
        for name, value in told.items():
            if value is not None:
                command += ["-o", "%s=%s" % (name, json.dumps(value))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120)
    answer = json.loads(done.stdout, object_hook=unmark)
    error = answer["error"]
    if error is not None:
        raise getattr(exceptions, error["type"], RuntimeError)(error["message"])
    return answer["result"]


def unmark(found):
    """Reads the objects that stand for what JSON cannot hold."""
    if list(found) == ["__missing__"]:
        return MISSING_DATA
    if list(found) == ["__float__"]:
        return math.nan if found["__float__"] == "nan" else float(found["__float__"])
    return found


ewoksppf.execute_graph = execute_graph
bindings.execute_graph = execute_graph
