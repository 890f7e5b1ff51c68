"""Opens a file when it is imported: one end of a pipe."""

import os

reader, writer = os.pipe()
os.set_blocking(reader, False)
file = open(writer, "w")
file.write("at import, ")


class Kept:
    """Made by the server: a worker that has left nothing does not take the time to destroy it."""

    def __del__(self, write=os.write, writer=os.dup(writer)):
        write(writer, b"destroyed, ")


kept = Kept()


def say(word):
    file.write(word + ", ")


def hear():
    return os.read(reader, 1000).decode()
