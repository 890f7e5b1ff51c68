"""What this program is, once its first lines have read it: a worker, or what forks workers."""

import sys


def main(sock, settings):
    """Becomes what the settings say."""
    if sys.path and sys.path[0] != "":
        sys.path.insert(0, "")
    if settings["forks"]:
        from . import forkserver

        sock = forkserver.serve(sock, settings)
        if sock is None:
            return
    if settings["daemonic"] and not settings["children"]:
        forbid_children()
    from . import worker

    worker.Worker(sock).serve()
    if settings["forks"]:
        from . import leaving

        leaving.leave([sock])


def forbid_children():
    """Makes this a daemonic process in the eyes of multiprocessing, which then refuses to start processes."""
    from multiprocessing import process

    process.current_process()._config["daemon"] = True
