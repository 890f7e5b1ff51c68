"""The kinds of tasks that need nothing but the interpreter: functions.

A task is made of the settings of its node, once, and called with the inputs of each execution. It returns named outputs
that write themselves.
"""

import importlib
import importlib.util
import os
import sys

from . import codec, errors, values

CARRIED = "_ppfdict"


def make(settings):
    """Makes a task from the settings of a node."""
    kind = settings["task_type"]
    if settings.get("varinfo") or settings.get("execinfo") or settings.get("task_options"):
        kind = None
    if kind == "method":
        return Method(settings)
    if kind == "ppfmethod":
        return PpfMethod(settings)
    if kind == "pushflow events":
        from . import announce

        return announce.Announcer(settings)
    if kind == "pushflow import":
        from . import imports

        return imports.Importer(settings)
    if kind == "pushflow interface":
        from . import interface

        return interface.Interface(settings)
    from . import ewoks

    return ewoks.Ewoks(settings)


class Outputs:
    """Named outputs; `carried` is the name of one whose own entries are told apart by others."""

    __slots__ = ("named", "carried")

    def __init__(self, named, carried=None):
        self.named = named
        self.carried = carried

    def write(self, writer):
        writer.size(len(self.named))
        for key, value in self.named.items():
            writer.key(key)
            if key == self.carried and type(value) is dict:
                values.write_dictionary(writer, value)
            else:
                values.write_value(writer, value)


class Method:
    """A function, with positional and named arguments."""

    def __init__(self, settings):
        self.identifier = settings["task_identifier"]
        self.function = None

    def __call__(self, inputs, context):
        positional, named = {}, {}
        for key, value in inputs.items():
            key = place_or_name(key)
            (positional if type(key) is int else named)[key] = value
        named = {key: value for key, value in named.items() if value is not codec.MISSING}
        arguments = []
        if positional:
            arguments = [positional.get(place, codec.MISSING) for place in range(max(positional) + 1)]
        return Outputs({"return_value": self.imported()(*arguments, **named)})

    def imported(self):
        """Returns the function; it is imported by the first execution."""
        if self.function is None:
            self.function = import_function(self.identifier)
        return self.function


class PpfMethod(Method):
    """A function of a dictionary that is carried along."""

    def __call__(self, inputs, context):
        arguments = {place_or_name(key): value for key, value in inputs.items() if value is not codec.MISSING}
        carried = arguments.pop(CARRIED, None)
        # Imported first, as its error is told first.
        function = self.imported()
        if carried:
            arguments.update(carried)
        result = function(**arguments)
        arguments.update(result)
        return Outputs({CARRIED: arguments}, CARRIED)


def place_or_name(key):
    """Returns the position that a name of digits stands for, or the name."""
    return int(key) if type(key) is str and key.isdigit() and key.isascii() else key


def import_function(name):
    """Imports what is called: `package.module.function`, or `path/to/file.py::function`."""
    found = import_name(name)
    if not callable(found):
        raise TypeError("%r is not callable (got %s)" % (name, type(found)))
    return found


def import_name(name):
    """Imports an object by its name.

    Semantics: `import_qualname` of ewoksutils, with its messages.
    """
    if "::" in name:
        place, _, attribute = name.rpartition("::")
        module = import_module(place)
    else:
        place, _, attribute = name.rpartition(".")
        if not place:
            raise ImportError("Cannot import %s, no module part found" % name)
        module = import_module(place)
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise ImportError("Cannot import %s from %s" % (attribute, place)) from None


def import_module(name):
    """Imports a module by its name, or by the path of its file, under the name that the file has.

    Where there is a module of that name from elsewhere, which ewoksutils would take, the name has the path added.
    """
    if not (name.endswith(".py") and os.path.isfile(name)):
        return importlib.import_module(name)
    stem = os.path.splitext(os.path.basename(name))[0]
    for stem in (stem, "%s (%s)" % (stem, os.path.realpath(name))):
        if stem not in sys.modules:
            break
        if is_from(sys.modules[stem], name):
            return sys.modules[stem]
    spec = importlib.util.spec_from_file_location(stem, name)
    if spec is None or spec.loader is None:
        raise ImportError("Cannot import %s as module" % name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # Half a module is not what the next one should find.
        sys.modules.pop(stem, None)
        raise
    return module


def is_from(module, path):
    """Whether a module was imported from a file."""
    try:
        return os.path.samefile(module.__file__, path)
    except (AttributeError, OSError, TypeError):
        return False


def fail(settings, error, message=None):
    """Returns the failure that an exception of a task is, as handlers of errors are told."""
    shown = errors.execution_error(settings["label"], settings["task_identifier"], errors.str_of(error) if message is None else message)
    return errors.Failure(errors.RAISED, error, shown=shown)
