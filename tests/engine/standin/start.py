"""`python -IS start.py SOCKET PACKAGE`: what the engine starts as a provider; see warm.py."""

import os
import signal
import socket
import sys

engine = os.getppid()
# The engine ends its plugins by an interrupt.
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    request = f"{sys.argv[2]}\n{os.environ['STANDIN_FOLDER']}"
    socket.send_fds(connection, [request.encode()], [1, 2])
    connection.settimeout(1)
    # An engine that was killed tells nobody.
    while os.getppid() == engine:
        try:
            connection.recv(1)
            break
        except TimeoutError:
            continue
