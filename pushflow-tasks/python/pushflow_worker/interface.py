"""What a class requires, which is known once it is imported."""

from . import errors, tasks


class Interface:
    """Imports a class, and returns the names and places of the inputs that it requires."""

    def __init__(self, settings):
        pass

    def __call__(self, inputs, context):
        try:
            from ewokscore.task import Task

            task = Task.get_subclass(inputs["name"])
            names = sorted(task.required_input_names()) + list(range(task.n_required_positional_inputs()))
        except Exception as error:
            raise errors.Failure(errors.UNAVAILABLE, error) from None
        return tasks.Outputs({"required": names})
