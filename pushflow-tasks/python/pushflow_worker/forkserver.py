"""The fork server: an interpreter that has imported what workers need, and forks them on request. Or one that was found by a script,
which takes its time: then what it forks executes it again.

A request is a byte on the link with two descriptors beside it: the worker's socket, and one on which is told what becomes of
it. `pushflow-signals/src/adopted.rs` is the other side. Everything is done by one thread.
"""

import _signal
import _socket
import gc
import os
import resource  # noqa: F401 which os.wait4 needs, when it may not be found any more
import select
import struct
import sys
import warnings

from . import leaving, tasks

_ANSWER = struct.Struct("<II")
_END = struct.Struct("<iIQ")
_FORKED, _REFUSED = 1, 2
_PR_SET_PDEATHSIG = 1
_SYS_PIDFD_OPEN = 434
# Threads of libraries that have handlers for a fork, pthread_atfork(3), by which the child gets what it needs.
_FORK_THEMSELVES = ("jemalloc_bg_thd",)


class Server:
    """What forks workers."""

    def __init__(self, link, stdout, settings):
        self.link = link
        self.stdout = stdout
        self.daemonic = settings["daemonic"]
        self.afresh = settings["afresh"]
        self.pre_import = settings["pre_import"]
        self.tells = settings["tells"]
        # Sockets on which the ends of workers are told, by their process ids.
        self.workers = {}
        self.refuses = None
        self.wakeups = None
        self.prctl = find_prctl() if self.daemonic or self.pre_import else None
        self.pid = os.getpid()

    def prepare(self):
        """Imports what workers need, and finds out whether it can be forked then."""
        if self.afresh:
            if not is_this(sys.executable):
                self.refuses = "this interpreter says that it is %r" % sys.executable
        else:
            self.import_all()
        # Whatever modules have done to the signal that tells of the end of a worker.
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGCHLD,))
        _signal.signal(_signal.SIGCHLD, lambda number, frame: None)
        if not self.afresh:
            self.look_for_threads()
        if self.daemonic and self.prctl is None:
            self.refuses = "this interpreter has no ctypes, without which a worker would outlive a parent that is killed"
        # Else the script is executed again, as it was meant.
        if self.refuses and not self.afresh:
            self.tell("pushflow: %s: Python workers are started afresh instead of forked" % self.refuses)
        gc.collect()
        if not self.afresh:
            leaving.prepare()
        getattr(gc, "freeze", int)()
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.wakeups = reader, writer
        _signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def import_all(self):
        """Imports what was asked for."""
        if self.prctl is not None:
            # What is imported may never end. A parent that is killed has nothing of it.
            self.prctl(_PR_SET_PDEATHSIG, _signal.SIGKILL)
        for name in self.pre_import:
            try:
                tasks.import_module(name)
            except BaseException as error:
                # The task that needs it will say so.
                self.tell("pushflow: cannot import %s in advance: %s: %s" % (name, type(error).__name__, error))
            if os.getpid() != self.pid:
                # A module has forked this process, and this is the copy.
                os._exit(0)
        if self.prctl is not None:
            # From here on it serves until its workers have ended.
            self.prctl(_PR_SET_PDEATHSIG, 0)

    def look_for_threads(self):
        """Refuses to fork if there are threads, which no child would have."""
        # Libraries that start threads may end them before a fork, so it is tried.
        with warnings.catch_warnings():
            # That a child may miss threads is the very question.
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        threads = other_threads()
        if threads:
            self.refuses = "importing %s has started %d thread%s (%s)" % (
                ", ".join(self.pre_import) or "nothing",
                len(threads),
                "s" if len(threads) > 1 else "",
                ", ".join(map(repr, threads)),
            )

    def tell(self, message):
        if self.tells:
            print(message, file=sys.stderr)

    def run(self):
        """Serves until the parent has gone and all workers have ended. Returns a socket in each worker, and None in the end."""
        poll = select.poll()
        poll.register(self.link, select.POLLIN)
        poll.register(self.wakeups[0], select.POLLIN)
        has_parent = True
        while has_parent or self.workers:
            for descriptor, _ in poll.poll():
                if descriptor == self.wakeups[0]:
                    os.read(descriptor, 4096)
                    continue
                request = self.receive()
                if request is None:
                    has_parent = False
                    poll.unregister(self.link)
                    continue
                sock = self.fork(*request)
                if sock is not None:
                    return sock
            self.reap()
        return None

    def receive(self):
        """Reads one request; None when there is nobody any more."""
        try:
            data, ancillary, _, _ = self.link.recvmsg(1, _socket.CMSG_SPACE(8), _socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return None
        if not data:
            return None
        descriptors = []
        for level, kind, piece in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                descriptors += struct.unpack("%di" % (len(piece) // 4), piece)
        return [_socket.socket(fileno=descriptor) for descriptor in descriptors]

    def fork(self, sock, status):
        """Forks a worker; returns its socket there, and None here."""
        if self.refuses:
            send(status, _ANSWER.pack(_REFUSED, 0))
            sock.close()
            status.close()
            return None
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self.become_worker(server, status)
            if self.afresh:
                execute(sock, self.stdout)
            return sock
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass
        sock.close()
        pidfd = pidfd_of(pid)
        send(status, _ANSWER.pack(_FORKED, pid), pidfd)
        os.close(pidfd)
        self.workers[pid] = status
        return None

    def become_worker(self, server, status):
        """Forgets what is the server's."""
        try:
            os.setpgid(0, 0)
        except OSError:
            pass
        if self.daemonic:
            self.prctl(_PR_SET_PDEATHSIG, _signal.SIGKILL)
            if os.getppid() != server:
                # It has ended before that took effect.
                os._exit(125)
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        for other in [self.link, status] + list(self.workers.values()):
            other.close()
        self.workers.clear()
        for descriptor in self.wakeups:
            os.close(descriptor)
        numpy = sys.modules.get("numpy.random")
        if numpy is not None:
            # Or else all workers would draw the same numbers.
            numpy.seed()

    def reap(self):
        """Reaps the workers that have ended, each after what a daemonic one has left of its group, and tells of it."""
        while self.workers:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            if self.daemonic:
                try:
                    os.killpg(found.si_pid, _signal.SIGKILL)
                except OSError:
                    pass
            pid, status, usage = os.wait4(found.si_pid, 0)
            tells = self.workers.pop(pid, None)
            if tells is not None:
                send(tells, _END.pack(status, 0, usage.ru_maxrss))
                tells.close()


def is_this(program):
    """Whether a program is the one that runs here."""
    try:
        return os.path.samefile(program, "/proc/self/exe")
    except (OSError, TypeError, ValueError):
        return False


def execute(sock, stdout):
    """Executes this interpreter again, as it was executed: with the same arguments, and all that a script has set for it."""
    try:
        with open("/proc/self/cmdline", "rb") as file:
            arguments = file.read().split(b"\0")[1:-1]
        for name, descriptor in (("PUSHFLOW_LINK", sock.fileno()), ("PUSHFLOW_STDOUT", stdout)):
            if descriptor is not None:
                os.environ[name] = str(descriptor)
                os.set_inheritable(descriptor, True)
        os.execv(sys.executable, [os.fsencode(sys.executable)] + arguments)
    except BaseException as error:
        os.write(2, ("pushflow: cannot execute %s: %s\n" % (sys.executable, error)).encode("utf-8", "replace"))
    finally:
        os._exit(1)


def other_threads():
    """Returns the names of the threads that a child would miss. proc_tid_comm(5)"""
    names = []
    for thread in os.listdir("/proc/self/task"):
        try:
            with open("/proc/self/task/%s/comm" % thread) as file:
                name = file.read().strip()
        except OSError:
            # It has ended.
            continue
        if int(thread) != os.getpid() and name not in _FORK_THEMSELVES:
            names.append(name)
    return names


def send(sock, data, descriptor=None):
    """Sends what fits into a socket in any case; who does not listen any more need not hear it."""
    ancillary = [] if descriptor is None else [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", descriptor))]
    try:
        sock.sendmsg([data], ancillary)
    except OSError:
        pass


def find_prctl():
    """Returns the function of the C library that ends a worker with its server; None without ctypes."""
    try:
        import ctypes

        return ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None


def pidfd_of(pid):
    """Opens a descriptor of a child that nobody else reaps. pidfd_open(2)"""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    import ctypes

    descriptor = ctypes.CDLL(None, use_errno=True).syscall(_SYS_PIDFD_OPEN, pid, 0)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    return descriptor
