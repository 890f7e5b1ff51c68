"""Opens a file when it is imported: one end of a pipe."""

import os

reader, writer = os.pipe()
os.set_blocking(reader, False)
file = open(writer, "w")
file.write("at import, ")


def say(word):
    file.write(word + ", ")


def hear():
    return os.read(reader, 1000).decode()
