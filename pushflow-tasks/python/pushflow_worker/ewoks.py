"""Tasks that ewokscore runs: classes, generated ones, notebooks; and those of all kinds when their outputs are kept."""

from . import codec, errors, tasks, values


class Ewoks:
    """A task of a kind that ewokscore knows."""

    def __init__(self, settings):
        try:
            import ewokscore  # noqa: F401
            from ewokscore import inittask, missing_data, progress
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
        self.is_missing = missing_data.is_missing_data
        self.missing = missing_data.MISSING_DATA
        self.execution_error = exceptions.TaskExecutionError
        self.input_error = exceptions.TaskInputError
        self.attributes = {"label": settings["label"], "task_type": settings["task_type"]}
        for name in ("task_identifier", "task_generator"):
            if settings.get(name):
                self.attributes[name] = settings[name]
        self.progress = type("Progress", (Progress, progress.BasePercentageProgress), {})

    def __call__(self, inputs, context):
        inputs = {key: self.missing if value is codec.MISSING else value for key, value in inputs.items()}
        settings = self.settings
        try:
            # The label stands for the id, also in messages.
            task = self.instantiate(
                settings["label"],
                dict(self.attributes),
                inputs=inputs,
                varinfo=settings.get("varinfo"),
                execinfo=settings.get("execinfo"),
                task_options=settings.get("task_options"),
            )
        except self.input_error as error:
            raise errors.Failure(errors.INPUTS, error) from None
        except Exception as error:
            raise as_it_is(error) from None
        # A class that tells its progress has somewhere to tell it to, unless it was given something else.
        if getattr(task, "_task_progress", self) is None:
            task._task_progress = self.progress(context)
        try:
            task.execute()
        except self.execution_error as error:
            cause = error.__cause__
            if context.worker.interrupts.is_by(cause):
                # What ends a task is no failure of it, but ewokscore takes some of it for one.
                raise cause from None
            raise errors.Failure(errors.RAISED, error if cause is None else cause, shown=error) from None
        kept = task.get_output_transfer_data()
        # Those that were declared and not set are among what is kept, and not among the values.
        outputs = dict.fromkeys(kept, codec.MISSING)
        outputs.update((key, value) for key, value in task.get_output_values().items() if not self.is_missing(value))
        if not settings.get("varinfo"):
            return tasks.Outputs(outputs, tasks.CARRIED)
        # The next task is told where they are kept, by which it knows them again.
        return tasks.Outputs(
            {key: value if value is codec.MISSING else values.Kept(kept[key], value) for key, value in outputs.items()}
        )


class Progress:
    """Tells progress, which ewokscore counts in percent."""

    def __init__(self, context):
        super().__init__()
        self._context = context

    def _update(self):
        self._context.progress(self._progress / 100)

    def reset(self):
        self._lastUpdate = None
        self._progress = 0


def as_it_is(error):
    """Returns the failure of what keeps a task from being made, which is told without the node."""
    kind = errors.UNAVAILABLE if isinstance(error, ImportError) else errors.RAISED
    return errors.Failure(kind, error)
