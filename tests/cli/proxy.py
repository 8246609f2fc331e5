"""A TCP proxy on loopback that delays or cuts what goes through it."""
import select
import socket
import struct
import threading
import time

import bson


class Proxy:
    """``with Proxy(port) as p``: p.port forwards to ``port``.

    ``delay``: seconds that each piece is held back. ``cut()`` closes all
    connections and takes no new ones until ``mend()``.
    """

    def __init__(self, port, delay=0.0):
        self.target, self.delay, self.open, self.running = port, delay, True, True
        self.pairs, self.lock = set(), threading.Lock()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.cut()
        self.thread.join(timeout=5)
        self.listener.close()

    def cut(self):
        self.open = False
        with self.lock:
            for pair in self.pairs:
                for s in pair:
                    # The threads that wait for it wake up too.
                    try:
                        s.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            self.pairs.clear()

    def mend(self):
        self.open = True

    def _accept(self):
        while self.running:
            ready, _, _ = select.select([self.listener], [], [], 0.1)
            if not ready:
                continue
            client, _ = self.listener.accept()
            if not self.open:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            pair = (client, server)
            with self.lock:
                self.pairs.add(pair)
            for one, other in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        try:
            self._forward(one, other)
        except OSError:
            pass
        for s in (one, other):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _forward(self, one, other):
        while True:
            data = one.recv(1 << 16)
            if not data:
                break
            if self.delay:
                time.sleep(self.delay)
            other.sendall(data)


class ReplyCutter(Proxy):
    """Closes a connection in place of an answer: of the ``number``-th to ``command`` on ``collection``.

    The server has done what it was asked. ``hung_up`` says whether it came to that; with ``gone`` no connection
    is taken any more.
    """

    def __init__(self, port, command, collection, number=1, gone=False, then=lambda: None):
        super().__init__(port)
        self.wanted, self.left, self.gone, self.then = (command, collection), number, gone, then
        self.asked, self.hung_up = {}, False

    def _forward(self, one, other):
        while True:
            head = self._read(one, 16)
            size, request, answered, kind = struct.unpack("<iiii", head)
            body = self._read(one, size - 16)
            if kind == 2013 and not answered:
                asked = bson.decode(body[5:5 + struct.unpack("<i", body[5:9])[0]])
                self.asked[other, request] = next(iter(asked.items()))
            elif self._is_it(self.asked.pop((one, answered), None)):
                break
            other.sendall(head + body)

    def _is_it(self, asked):
        if asked != self.wanted:
            return False
        self.left -= 1
        if self.left:
            return False
        self.hung_up = True
        self.then()
        if self.gone:
            self.cut()
        return True

    @staticmethod
    def _read(s, size):
        data = b""
        while len(data) < size:
            part = s.recv(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data
