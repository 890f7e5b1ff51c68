"""Tasks that ewokscore runs: classes, generated ones, notebooks."""

from . import codec, errors, tasks


class Ewoks:
    """A task of a kind that ewokscore knows."""

    def __init__(self, settings):
        try:
            import ewokscore  # noqa: F401
            from ewokscore import inittask, missing_data
            from ewoksutils import exceptions
        except ImportError as error:
            raise as_it_is(
                ImportError(
                    "node '%s' of type '%s' needs ewokscore in the interpreter that runs it: %s"
                    % (settings["label"], settings["task_type"], error)
                )
            ) from error
        self.settings = settings
        self.instantiate = inittask.instantiate_task
        self.missing = missing_data
        self.execution_error = exceptions.TaskExecutionError
        self.input_error = exceptions.TaskInputError
        self.attributes = {
            "label": settings["label"],
            "task_type": settings["task_type"],
            "task_identifier": settings["task_identifier"],
        }
        if settings["task_generator"]:
            self.attributes["task_generator"] = settings["task_generator"]

    def __call__(self, inputs, context):
        inputs = {
            key: self.missing.MISSING_DATA if value is codec.MISSING else value for key, value in inputs.items()
        }
        try:
            # The label stands for the id, also in messages.
            task = self.instantiate(self.settings["label"], dict(self.attributes), inputs=inputs)
        except self.input_error as error:
            raise errors.Failure(errors.INPUTS, error) from None
        except Exception as error:
            raise as_it_is(error) from None
        try:
            task.execute()
        except self.execution_error as error:
            cause = error.__cause__
            raise errors.Failure(errors.RAISED, error if cause is None else cause, shown=error) from None
        is_missing = self.missing.is_missing_data
        outputs = task.get_output_values()
        return tasks.Outputs(
            {key: codec.MISSING if is_missing(value) else value for key, value in outputs.items()}, tasks.CARRIED
        )


def as_it_is(error):
    """Returns the failure of what keeps a task from being made, which is told without the node."""
    kind = errors.UNAVAILABLE if isinstance(error, ImportError) else errors.RAISED
    return errors.Failure(kind, error)
