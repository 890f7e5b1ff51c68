"""What this program is, once its first lines have read it: a worker, or what forks workers."""

import os
import sys


def main(sock, settings, path):
    """Becomes what the settings say. Until it knows what it needs, modules are those of the interpreter; then those of `path`."""
    stdout = os.environ.pop("PUSHFLOW_STDOUT", None)
    if stdout is not None:
        stdout = int(stdout)
        os.set_inheritable(stdout, False)
    forbids_children = settings["daemonic"] and not settings["children"]
    if not settings["afresh"]:
        from . import worker

        if forbids_children:
            import multiprocessing.process  # noqa: F401
    if settings["forks"]:
        from . import forkserver, leaving

        server = forkserver.Server(sock, stdout, settings)
    # The current folder is importable, whatever PYTHONSAFEPATH says.
    sys.path[:] = path if path[:1] == [""] else [""] + path
    if settings["forks"]:
        server.prepare()
        sock = server.run()
        if sock is None:
            return
    if forbids_children:
        forbid_children()
    worker.Worker(sock, stdout).serve()
    if settings["forks"]:
        leaving.leave([sock])


def forbid_children():
    """Makes this a daemonic process in the eyes of multiprocessing, which then refuses to start processes."""
    from multiprocessing import process

    process.current_process()._config["daemon"] = True
