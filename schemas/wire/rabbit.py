"""RabbitMQ over pika, for the protocols of `channel.py`. The only module that knows pika.

What comes in: a URL. What goes out: publishers and subscriptions that each run one connection in a
thread of their own, so that heartbeats go on however long the caller works, and that never wait
without a limit. Refuses an unencrypted URL to another machine (BrokerAddressError).

Thread rule: only the connection's own thread touches pika; others hand it callbacks.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika  # type: ignore[import-untyped]  # it ships no py.typed
from pika import exceptions as amqp

from schemas.wire.address import BrokerAddress, broker_address
from schemas.wire.channel import BrokerUnavailable, Delivery, Outgoing, TopologyConflict
from schemas.wire.consuming import DeliveryListener, Tag, ThreadedSubscription, delivery_of
from schemas.wire.publishing import ConfirmListener, PipelinedPublisher
from schemas.wire.topology import Topology, explain_conflict

_CONNECT_S = 20.0
_CLOSE_S = 3.0
_QUIET_S = 1.0
_NOT_FOUND, _ACCESS_REFUSED = 404, 403
_PERSISTENT = 2


@dataclass(frozen=True)
class _Options:
    client_name: str
    heartbeat_s: int
    blocked_timeout_s: float


def _parameters(address: BrokerAddress, options: _Options) -> Any:
    context = address.ssl_context()
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.vhost,
        credentials=pika.PlainCredentials(address.user, address.password),
        ssl_options=pika.SSLOptions(context, address.server_name) if context else None,
        heartbeat=options.heartbeat_s,
        # Without it a publish waits for ever while the broker is short of memory or disk.
        blocked_connection_timeout=options.blocked_timeout_s,
        socket_timeout=5.0,
        stack_timeout=15.0,
        client_properties={"connection_name": options.client_name},
    )


def _explained(address: BrokerAddress, problem: BaseException | str) -> str:
    """Where and why, in one line, without the password."""
    if isinstance(problem, amqp.AMQPConnectionError) and problem.args:
        inner = problem.args[0]
        problem = getattr(inner, "exception", inner) if isinstance(inner, Exception) else problem
    text = getattr(problem, "reply_text", None) or str(problem) or repr(problem)
    line = f"broker {address}: {' '.join(text.split())[:300]}"
    return line.replace(address.password, "***") if len(address.password) > 4 else line


class _Connection(pika.SelectConnection):  # type: ignore[misc]  # pika has no types
    """Sends the frames of a message together: pika's one system call a frame is its main cost."""

    def _output_marshaled_frames(self, marshaled_frames: list[bytes]) -> None:
        super()._output_marshaled_frames([b"".join(marshaled_frames)])


class _Link(ABC):
    """One connection with one channel and the thread that runs it.

    `on_end` is called once, in the link's thread, when all is over; `ended` then says why.
    """

    def __init__(
        self, address: BrokerAddress, options: _Options, on_end: Callable[[], None]
    ) -> None:
        self._address = address
        self._on_end = on_end
        self._parameters = _parameters(address, options)
        self._connection: Any = None
        self._settled = threading.Event()
        self._guard = threading.Lock()
        self._running = True
        self._ready = False
        self._thread = threading.Thread(target=self._run, name=options.client_name, daemon=True)
        self._channel: Any = None
        self.ended: str | None = None
        self.refused = False

    def open(self) -> None:
        """Starts, and waits until the channel is of use. Raises BrokerUnavailable."""
        self._thread.start()
        self._settled.wait(_CONNECT_S)
        if not self._ready:
            self.close()
            raise BrokerUnavailable(self.ended or _explained(self._address, "no answer"))

    @abstractmethod
    def _prepare(self, channel: Any) -> None:
        """Sets the channel up; its last step calls `_on_ready`."""

    def call(self, work: Callable[[], None]) -> bool:
        """Has `work` done in the link's thread. False when it has ended."""
        with self._guard:
            if not self._running or self._connection is None:
                return False
            self._connection.ioloop.add_callback_threadsafe(work)
            return True

    def close(self) -> None:
        """Ends it; a broker that does not answer is given a few seconds."""
        if self.call(self._close_connection):
            self._thread.join(_CLOSE_S)
        self.abort()

    def abort(self) -> None:
        """Ends it without asking the broker."""
        if self.call(self._terminate):
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            self._connection = _Connection(
                self._parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=self._on_connection_end,
                on_close_callback=self._on_connection_end,
            )
            self._connection.ioloop.start()
        except Exception as problem:  # noqa: BLE001 - the waiting callers must hear of anything
            self._note(problem)
        with self._guard:
            self._running = False
            if self._connection is not None:
                self._connection.ioloop.close()
        self._note("the connection was closed")
        self._settled.set()
        self._on_end()

    def _note(self, problem: BaseException | str) -> None:
        """The first reason is the cause; what follows from it is not."""
        if self.ended is None:
            self.ended = _explained(self._address, problem)

    def _on_open(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_channel_end)
        self._prepare(channel)

    def _on_ready(self, *_: object) -> None:
        self._ready = True
        self._settled.set()

    def _on_channel_end(self, _channel: Any, reason: Any) -> None:
        # pika keeps the connection of a dead channel open: a consumer would be silently gone.
        self.refused = getattr(reason, "reply_code", 0) in (_NOT_FOUND, _ACCESS_REFUSED)
        self._note(reason)
        self._close_connection()

    def _on_connection_end(self, _connection: Any, reason: Any) -> None:
        self._note(reason)
        self._connection.ioloop.stop()

    def _close_connection(self) -> None:
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()

    def _terminate(self) -> None:
        if not self._connection.is_closed:
            silence = amqp.AMQPConnectionError("hung up: the broker did not answer")
            self._connection._terminate_stream(silence)  # noqa: SLF001 - no public way to hang up


class _PublishingLink(_Link):
    def __init__(
        self, address: BrokerAddress, options: _Options, listener: ConfirmListener
    ) -> None:
        super().__init__(address, options, listener.on_end)
        self._listener = listener

    def _prepare(self, channel: Any) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(ack_nack_callback=self._on_confirm, callback=self._on_ready)

    def send(self, message: Outgoing) -> bool:
        if not self._channel.is_open:
            return False
        self._channel.basic_publish(
            message.exchange,
            message.routing_key,
            message.body,
            pika.BasicProperties(
                content_type=message.content_type,
                headers=dict(message.headers) or None,
                delivery_mode=_PERSISTENT,
                message_id=message.message_id,
            ),
            mandatory=message.mandatory,
        )
        return True

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        stored = isinstance(method, pika.spec.Basic.Ack)
        self._listener.on_confirm(method.delivery_tag, multiple=method.multiple, stored=stored)

    def _on_return(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        self._listener.on_return(method.exchange, method.routing_key, properties.message_id)


class _TakingLink(_Link):
    def __init__(
        self,
        address: BrokerAddress,
        options: _Options,
        listener: DeliveryListener,
        queue: str,
        prefetch: int,
    ) -> None:
        super().__init__(address, options, listener.on_end)
        self._listener = listener
        self._queue = queue
        self._prefetch = prefetch

    def _prepare(self, channel: Any) -> None:
        channel.add_on_cancel_callback(self._on_cancel)
        channel.basic_qos(prefetch_count=self._prefetch, callback=self._consume)

    def ack(self, tag: int, *, multiple: bool) -> None:
        if self._channel.is_open:
            self._channel.basic_ack(tag, multiple)

    def give_back(self, tag: int, *, multiple: bool) -> None:
        if self._channel.is_open:
            self._channel.basic_nack(tag, multiple, requeue=True)

    def _consume(self, _frame: Any) -> None:
        self._channel.basic_consume(self._queue, self._on_message, callback=self._on_ready)

    def _on_cancel(self, _frame: Any) -> None:
        self._note(f"queue {self._queue} was deleted")
        self._close_connection()

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        tag = Tag(self, method.delivery_tag)
        self._listener.on_delivery(delivery_of(tag, self._queue, method, properties, body))


class RabbitBroker:
    """`heartbeat_s` on every connection, `window` unconfirmed messages at most.

    `blocked_timeout_s`: how long a broker short of memory or disk may hold a publish up before its
    outcome is UNKNOWN. `answer_timeout_s`: how long it may say nothing at all.
    """

    def __init__(
        self,
        url: str,
        *,
        client_name: str,
        heartbeat_s: int = 15,
        window: int = 500,
        blocked_timeout_s: float = 30,
        answer_timeout_s: float = 60,
    ) -> None:
        self._address = broker_address(url)
        self._options = _Options(client_name, heartbeat_s, blocked_timeout_s)
        self._window = window
        self._answer_timeout_s = answer_timeout_s

    def __repr__(self) -> str:
        return f"RabbitBroker({self._address})"

    def publisher(self) -> PipelinedPublisher:
        return PipelinedPublisher(
            lambda listener: _PublishingLink(self._address, self._options, listener),
            window=self._window,
            answer_timeout_s=self._answer_timeout_s,
        )

    def subscribe(self, queue: str, *, prefetch: int) -> ThreadedSubscription:
        return ThreadedSubscription(
            lambda listener: _TakingLink(self._address, self._options, listener, queue, prefetch)
        )

    def depth(self, queue: str) -> int:
        with self._channel() as channel:
            return _ready_count(channel, queue)

    def browse(self, queue: str, limit: int) -> list[Delivery]:
        with self._channel() as channel:
            found = _collect(channel, queue, min(limit, _ready_count(channel, queue)))
            if found:
                channel.basic_nack(found[-1].tag, multiple=True, requeue=True)
            return found

    def remove(self, queue: str, match: Callable[[Delivery], bool]) -> int:
        with self._channel() as channel:
            found = _collect(channel, queue, _ready_count(channel, queue))
            matching = [delivery for delivery in found if match(delivery)]
            for delivery in matching:
                channel.basic_ack(delivery.tag)
            if found:
                channel.basic_nack(found[-1].tag, multiple=True, requeue=True)
            return len(matching)

    def apply(self, topology: Topology) -> None:
        with self._channel() as channel:
            try:
                _declare(channel, topology)
            except amqp.ChannelClosedByBroker as problem:
                if problem.reply_code == 406:  # PRECONDITION_FAILED
                    raise TopologyConflict(explain_conflict(str(problem.reply_text))) from None
                raise

    def verify(self, topology: Topology) -> None:
        missing = []
        with self._connection() as connection:
            for thing, name in (
                *(("exchange", exchange.name) for exchange in topology.exchanges),
                *(("queue", queue.name) for queue in topology.queues),
            ):
                channel = connection.channel()  # a new one: a missing thing closes it
                try:
                    getattr(channel, f"{thing}_declare")(name, passive=True)
                    channel.close()
                except amqp.ChannelClosedByBroker as problem:
                    missing.append(f"{thing} {name} ({problem.reply_text})")
        if missing:
            raise TopologyConflict(f"broker {self._address}: missing: {'; '.join(missing)}")

    def close(self) -> None:
        """Nothing is held: publishers and subscriptions are closed by whoever asked for them."""

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """A short conversation. Raises BrokerUnavailable for anything that goes wrong in it."""
        try:
            connection = pika.BlockingConnection(_parameters(self._address, self._options))
            try:
                yield connection
            finally:
                if connection.is_open:
                    connection.close()
        except (amqp.AMQPError, OSError) as problem:
            raise BrokerUnavailable(_explained(self._address, problem)) from None

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with self._connection() as connection:
            yield connection.channel()


def _ready_count(channel: Any, queue: str) -> int:
    """Raises KeyError when there is no such queue."""
    try:
        return int(channel.queue_declare(queue, passive=True).method.message_count)
    except amqp.ChannelClosedByBroker as problem:
        if problem.reply_code == _NOT_FOUND:
            raise KeyError(queue) from None
        raise


def _collect(channel: Any, queue: str, count: int) -> list[Delivery]:
    """Up to `count` messages, unsettled; fewer when others take them or hold the queue."""
    found: list[Delivery] = []
    if count == 0:
        return found
    channel.basic_qos(prefetch_count=count if count < 65_536 else 0)
    for method, properties, body in channel.consume(queue, inactivity_timeout=_QUIET_S):
        if method is None:
            break
        found.append(delivery_of(method.delivery_tag, queue, method, properties, body))
        if len(found) == count:
            break
    channel.cancel()
    return found


def _declare(channel: Any, topology: Topology) -> None:
    for exchange in topology.exchanges:
        channel.exchange_declare(
            exchange.name, exchange.kind, durable=True, arguments=dict(exchange.arguments)
        )
    for queue in topology.queues:
        channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    for binding in topology.bindings:
        channel.queue_bind(binding.queue, binding.exchange, binding.pattern)
