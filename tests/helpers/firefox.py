"""Drive Firefox without a package, through its protocol Marionette."""

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from itertools import count

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")


@contextmanager
def open_firefox(folder):
    """Start Firefox with a new profile in the folder, and yield a function for commands."""
    (folder / "user.js").write_text('user_pref("marionette.port", 0);')
    command = [FIREFOX, "--headless", "--no-remote", "--marionette", "--profile", folder]
    firefox = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (port := folder / "MarionetteActivePort").exists():
            assert firefox.poll() is None
            time.sleep(0.1)
        address = "127.0.0.1", int(port.read_text())
        with (
            socket.create_connection(address, 60) as connection,
            connection.makefile("rb") as stream,
        ):
            numbers = count()

            def receive():
                size = b"".join(iter(lambda: stream.read(1), b":"))
                return json.loads(stream.read(int(size)))

            def send(command, **arguments):
                message = json.dumps([0, next(numbers), f"WebDriver:{command}", arguments])
                connection.sendall(f"{len(message)}:{message}".encode())
                *_, error, result = receive()
                assert error is None, error
                return result.get("value")

            receive()
            send("NewSession")
            yield send
    finally:
        firefox.kill()
        firefox.wait()
