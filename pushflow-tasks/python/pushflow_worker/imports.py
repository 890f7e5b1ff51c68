"""Imports what a node is about, before anything runs, for whoever wants to know early that it cannot be imported."""

from . import errors, tasks


class Importer:
    """Imports objects by their names."""

    def __init__(self, settings):
        pass

    def __call__(self, inputs, context):
        try:
            tasks.import_name(inputs["name"])
        except Exception as error:
            raise errors.Failure(errors.UNAVAILABLE, error) from None
        return tasks.Outputs({})
