"""What the tests of this folder have in common: the command `pushflow`, which is in the variable PUSHFLOW."""

import json
import os
import subprocess

import pytest


@pytest.fixture
def pushflow(tmp_path):
    """Runs a workflow with engine options; returns the answer."""

    def run(graph, pool="process", arguments=(), **options):
        workflow = tmp_path / "workflow.json"
        workflow.write_text(json.dumps(graph))
        command = [os.environ["PUSHFLOW"], "run", str(workflow), "--pool", pool, "--output-format", "json", *arguments]
        for name, value in options.items():
            command += ["-o", "%s=%s" % (name, json.dumps(value))]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        answer = json.loads(done.stdout)
        answer["stderr"] = done.stderr
        return answer

    return run
