"""A terminal as an administrator sits at one: a program on a pty, read as it is shown, typed at line by line."""

import os
import pty
import re
import select
import signal
import subprocess
import struct
import fcntl
import termios
import time

from host import PATIENCE

CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    def __init__(self, *command, environment=None, columns=100, rows=60):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm", **(environment or {})}
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env, close_fds=True,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.shown = ""   # all that was shown, line ends as \n
        self.seen = 0     # how much of it expect() has passed
        self.open = True

    def read(self, patience):
        if not self.open or not select.select([self.master], [], [], patience)[0]:
            return False
        try:
            part = os.read(self.master, 65536)
        except OSError:  # EIO: the program has gone
            part = b""
        if not part:
            self.open = False
            return False
        self.shown += part.decode(errors="replace").replace("\r\n", "\n")
        return True

    def expect(self, words):
        """Wait until these words are shown behind what was expected before; what stood between."""
        end = time.monotonic() + PATIENCE
        while words not in self.shown[self.seen:]:
            assert self.read(max(0, end - time.monotonic())), f"{words!r} was not shown:\n{self.shown[self.seen:]}\n--- before:\n{self.shown[:self.seen][-3000:]}"
        at = self.shown.index(words, self.seen)
        between = self.shown[self.seen:at]
        self.seen = at + len(words)
        return between

    def type(self, line, ending="\n"):
        os.write(self.master, (line + ending).encode())

    def press(self, key):
        os.write(self.master, key.encode())

    def answer(self, prompt, line):
        """Wait for a prompt and type a line."""
        between = self.expect(prompt)
        self.type(line)
        return between

    def echoes(self):
        """Does the terminal show what is typed?"""
        return termios.tcgetattr(self.master)[3] & termios.ECHO != 0

    def end(self):
        """Wait until the program ends by itself; its exit status."""
        end = time.monotonic() + PATIENCE
        while self.read(max(0, end - time.monotonic())):
            pass
        status = self.process.wait(timeout=PATIENCE)
        assert not re.search(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:|this must never happen", self.shown), self.shown
        return status

    def rest(self):
        """What is shown to the end, and the exit status."""
        status = self.end()
        left = self.shown[self.seen:]
        self.seen = len(self.shown)
        return left, status

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=PATIENCE)
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
