"""Events of a run as a whole, which ewokscore sends to the handlers that `execinfo` names.

Semantics: those of `execute_graph` of ewoks engines: the job and the workflow start, then nodes, then the workflow and the
job end.
"""

from . import errors, ewoks, tasks

ENGINE = "pushflow"


class Announcer:
    """Says that a run starts, and returns what is to be told with all that follows; or says that it has ended."""

    def __init__(self, settings):
        try:
            from ewokscore import events
            from ewokscore.events import initialize_events
        except ImportError as error:
            raise ewoks.as_it_is(
                ImportError("`execinfo` needs ewokscore in the interpreter that runs the tasks: %s" % error)
            ) from error
        self.events = events
        self.initialize = initialize_events

    def __call__(self, inputs, context):
        try:
            if inputs["event"] == "start":
                info = self.start(inputs)
            else:
                info = self.end(inputs)
        except Exception as error:
            raise errors.Failure(errors.RAISED, error) from None
        return tasks.Outputs({"execinfo": info})

    def start(self, inputs):
        info = self.initialize.init_job(inputs["execinfo"], engine=ENGINE)
        info["process_id"] = inputs["process_id"]
        self.events.send_job_event(execinfo=info, event="start")
        info = self.initialize.init_workflow(info, workflow=inputs["workflow"])
        info["process_id"] = inputs["process_id"]
        self.events.send_workflow_event(execinfo=info, event="start")
        return info

    def end(self, inputs):
        info = inputs["execinfo"]
        failure = {name: inputs[name] for name in ("error", "error_message", "error_traceback") if name in inputs}
        self.events.send_workflow_event(execinfo=info, event="end", **failure)
        # A job knows of no workflow.
        job = {name: value for name, value in info.items() if name != "workflow_id"}
        self.events.send_job_event(execinfo=job, event="end", **failure)
        return info
