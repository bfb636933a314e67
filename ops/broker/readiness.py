"""Whether a broker answers, and whether a port can be had; loopback only.

In: port numbers. Out: yes or no, at once. Refuses nothing: an error is a no.
"""

from __future__ import annotations

import random
import socket

# Below Linux's range for outgoing connections (32768 up). A port of that range can be taken, while
# the node restarts, as the near end of someone's outgoing connection; a client that retries the
# dead port can even be connected to itself, and then the node never gets its port back.
PORTS = range(20_000, 32_000)
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"


def amqp_ready(port: int, timeout_s: float = 2.0) -> bool:
    """Whether the listener speaks AMQP 0-9-1; an accepted connection alone would prove less."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as link:
            link.sendall(_PROTOCOL_HEADER)
            return link.recv(1) == _METHOD_FRAME
    except OSError:
        return False


def port_is_free(port: int) -> bool:
    """Whether a listener could be opened now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` different free ports that survive a restart. Raises OSError when there are none."""
    found: list[int] = []
    for port in random.sample(PORTS, k=len(PORTS)):
        if port_is_free(port):
            found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"fewer than {count} free ports in {PORTS.start}-{PORTS.stop - 1}")
