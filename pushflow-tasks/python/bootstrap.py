import os, sys
# Modules of other people may have the names of those that are needed here.
p, l = sys.path[:], os.path.dirname(getattr(os, "__file__", ""))
sys.path[:] = [e for e in p if e.startswith(l) and "-packages" not in e]
import struct
if sys.version_info < (3, 8):
    t = b"ImportError"
    m = ("Python 3.8 or newer is needed to run tasks, found %d.%d: %s" % (sys.version_info[0], sys.version_info[1], sys.executable)).encode("utf-8")[:250]
    b = struct.pack("<BBB", 3, 0, len(t)) + t + struct.pack("<B", len(m)) + m + b"\0\0\0"
    os.write(int(os.environ["PUSHFLOW_LINK"]), struct.pack("<IBBHQ", len(b), 1, 3, 0, 0) + b)
    sys.exit(1)
import _socket
s = _socket.socket(fileno=int(os.environ.pop("PUSHFLOW_LINK")))
os.set_inheritable(s.fileno(), False)
def r(n):
    d = b""
    while len(d) < n:
        p = s.recv(n - len(d))
        if not p:
            sys.exit(0)
        d += p
    return d
# JSON is Python but for three names, and the module json takes longer to import than this.
c = eval(r(struct.unpack("<Q", r(8))[0]).decode(), {"true": True, "false": False, "null": None})
class F:
    @staticmethod
    def find_spec(n, path=None, target=None):
        if n in c["modules"]:
            from importlib.machinery import ModuleSpec
            q = ModuleSpec(n, F, origin="<pushflow>", is_package=n == "pushflow_worker")
            return q
    @staticmethod
    def create_module(q):
        return None
    @staticmethod
    def exec_module(m):
        n = m.__name__
        exec(compile(c["modules"][n], "<pushflow>/" + n.rpartition(".")[2] + ".py", "exec"), m.__dict__)
sys.meta_path.insert(0, F)
from pushflow_worker import boot
boot.main(s, c["settings"], p)
