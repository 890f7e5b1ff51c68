"""The events of a run, as handlers of ewokscore get them: from `pushflow` and from ewoksppf, for the same workflows."""

import sqlite3

import pytest
from ewokscore.events import cleanup
from ewoksppf import execute_graph

TASK = "ewokscore.tests.test_workflow_events.MyTask"
# These are the same whoever executes the workflow: not the process, its time, and the name of the engine.
COLUMNS = "context, type, job_id, workflow_id, node_id, task_id, error, error_message, progress, host_name, user_name"


def chain(message):
    inputs = [{"name": "ctr", "value": 0}]
    nodes = [
        {"id": name, "task_type": "class", "task_identifier": TASK, "default_inputs": list(inputs)}
        for name in ("first", "second", "third")
    ]
    nodes[1]["default_inputs"].append({"name": "error_msg", "value": message})
    nodes.append({"id": "fourth", "task_type": "method", "task_identifier": "builtins.dict"})
    mapping = [{"source_output": "ctr", "target_input": "ctr"}]
    names = [node["id"] for node in nodes]
    links = [{"source": source, "target": target, "data_mapping": mapping} for source, target in zip(names, names[1:])]
    return {"graph": {"id": "chain", "schema_version": "1.1"}, "nodes": nodes, "links": links}


def handlers(database):
    name = "ewokscore.events.handlers.Sqlite3EwoksEventHandler"
    return [{"class": name, "arguments": [{"name": "uri", "value": str(database)}]}]


def rows(database, columns=COLUMNS):
    connection = sqlite3.connect(str(database))
    try:
        return connection.execute("SELECT %s FROM ewoks_events ORDER BY rowid" % columns).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize("pool", ["process", "thread", "multiprocessing"])
@pytest.mark.parametrize("message", [None, "abc"])
def test_the_rows_are_those_of_ewoksppf(tmp_path, pushflow, message, pool):
    graph = chain(message)
    theirs, ours = tmp_path / "theirs.db", tmp_path / "ours.db"
    execinfo = {"job_id": "a job", "asynchronous": False}
    try:
        execute_graph(graph, execinfo=dict(execinfo, handlers=handlers(theirs)))
        assert message is None
    except RuntimeError:
        assert message == "abc"
    finally:
        cleanup()
    answer = pushflow(graph, pool=pool, execinfo=dict(execinfo, handlers=handlers(ours)))
    assert (answer["error"] is None) == (message is None)
    assert "announced" not in answer["stderr"]
    assert rows(ours) == rows(theirs)
    assert len(rows(ours)) == (12 if message is None else 8)
    assert {row[0] for row in rows(ours, "engine")} == {"pushflow"}
    tracebacks = [row[0] for row in rows(ours, "error_traceback") if row[0] not in (None, b"null", "")]
    assert len(tracebacks) == (0 if message is None else 3) and all("ValueError: abc" in str(text) for text in tracebacks)


def test_a_job_has_a_name_of_its_own_unless_it_is_given_one(tmp_path, pushflow):
    pushflow(chain(None), execinfo={"handlers": handlers(tmp_path / "events.db")})
    (job,) = {row[0] for row in rows(tmp_path / "events.db", "job_id")}
    assert len(job) == 36


def test_a_handler_that_cannot_be_made_is_an_error_before_anything_runs(tmp_path, pushflow):
    answer = pushflow(chain(None), execinfo={"handlers": [{"class": "no_such_module.Handler"}]})
    assert answer["status"] == "invalid"
    assert answer["error"]["message"] == "cannot create an EWOKS event handler from the description"


def test_without_an_error_there_is_none_in_the_events(tmp_path, pushflow):
    pushflow(chain("abc"), execinfo={"handlers": handlers(tmp_path / "events.db")}, raise_on_error=False)
    ends = [row for row in rows(tmp_path / "events.db", "context, error_message") if row[0] == "job"]
    assert ends == [("job", b"null"), ("job", b"null")]
