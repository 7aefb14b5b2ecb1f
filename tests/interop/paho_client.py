"""What the Python client paho-mqtt does with the broker: 3.1.1 and 5.0, over TCP and WebSocket.

Called by main.rs with host, TCP port and WebSocket port. Prints `ok NAME` or `FAILED NAME: why` for each check.
"""

import queue
import sys
import threading
import traceback

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, TCP_PORT, WS_PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PATIENCE = 20
QUIET = 0.3
V4, V5 = mqtt.MQTTv311, mqtt.MQTTv5


class Client:
    """A client whose messages and answers can be waited for."""

    def __init__(self, client_id, version, transport, clean=True, will=None):
        self.version = version
        self.transport = transport
        self.messages = queue.Queue()
        self.answers = queue.Queue()
        self.disconnects = queue.Queue()
        kwargs = {} if version == V5 else {"clean_session": clean}
        self.paho = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=version, transport=transport, **kwargs
        )
        if transport == "websockets":
            self.paho.ws_set_options(path="/mqtt")
        if will:
            self.paho.will_set(**will)
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        self.paho.on_connect = lambda _c, _u, flags, reason, props: self.answers.put((flags, reason, props))
        self.paho.on_subscribe = lambda _c, _u, _mid, reasons, _props: self.answers.put(reasons)
        self.paho.on_disconnect = lambda _c, _u, _flags, reason, _props: self.disconnects.put(reason)
        properties = None
        options = {}
        if version == V5:
            options["clean_start"] = clean
            properties = Properties(PacketTypes.CONNECT)
            if not clean:
                properties.SessionExpiryInterval = 3600
        port = TCP_PORT if transport == "tcp" else WS_PORT
        self.paho.connect(HOST, port, 60, properties=properties, **options)
        self.paho.loop_start()
        self.flags, reason, self.properties = self.answer()
        check(not reason.is_failure, f"not let in: {reason}")

    def answer(self):
        return self.answers.get(timeout=PATIENCE)

    def message(self):
        return self.messages.get(timeout=PATIENCE)

    def nothing(self):
        try:
            message = self.messages.get(timeout=QUIET)
        except queue.Empty:
            return
        raise AssertionError(f"one message too many: {message.topic} {message.payload!r}")

    def subscribe(self, topic, qos=0, options=None, properties=None):
        if options is not None:
            self.paho.subscribe(topic, options=options, properties=properties)
        else:
            self.paho.subscribe(topic, qos)
        for reason in self.answer():
            check(not reason.is_failure, f"{topic}: {reason}")

    def publish(self, topic, payload, qos=0, retain=False, properties=None):
        info = self.paho.publish(topic, payload, qos, retain, properties)
        info.wait_for_publish(PATIENCE)
        check(info.is_published(), f"{topic}: not acknowledged")

    def leave(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def vanish(self):
        """Ends the connection without DISCONNECT."""
        self.paho.on_disconnect = None
        self.paho.loop_stop()
        self.paho.socket().close()


def check(condition, words):
    if not condition:
        raise AssertionError(words)


def equal(got, expected):
    check(got == expected, f"{got!r} instead of {expected!r}")


def each_qos(name, version, transport):
    a = Client(name, version, transport)
    for qos in range(3):
        a.subscribe(f"{name}/{qos}", qos)
    for qos in range(3):
        for payload in [b"", b"text", bytes(range(256)) * 1000]:
            a.publish(f"{name}/{qos}", payload, qos)
            message = a.message()
            equal((message.payload, message.qos, message.retain), (payload, qos, False))
    a.leave()


def many_at_once(name, version, transport):
    a = Client(name, version, transport)
    a.subscribe(f"{name}/#", 2)
    infos = [a.paho.publish(f"{name}/{n % 3}", str(n), n % 3) for n in range(600)]
    got = [int(a.message().payload) for _ in infos]
    for qos in range(3):
        of_qos = [n for n in got if n % 3 == qos]
        equal(of_qos, list(range(qos, 600, 3)))
    a.leave()


def retained(name, version, transport):
    a = Client(name, version, transport)
    a.publish(f"{name}/kept", "1", 1, retain=True)
    a.subscribe(f"{name}/+", 1)
    message = a.message()
    equal((message.payload, message.retain), (b"1", True))
    a.publish(f"{name}/kept", "", 1, retain=True)
    equal(a.message().payload, b"")
    a.paho.unsubscribe(f"{name}/+")
    a.subscribe(f"{name}/+", 1)
    a.nothing()
    a.leave()


def wills(name, version, transport):
    watcher = Client(f"{name}-watcher", version, transport)
    watcher.subscribe(f"{name}/will", 1)
    will = {"topic": f"{name}/will", "payload": "gone", "qos": 1}
    Client(name, version, transport, will=will).leave()
    watcher.nothing()
    Client(name, version, transport, will=will).vanish()
    equal(watcher.message().payload, b"gone")
    watcher.leave()


def sessions(name, version, transport):
    a = Client(name, version, transport, clean=False)
    check(not a.flags.session_present, "a session at the beginning")
    a.subscribe(f"{name}/q", 2)
    a.leave()
    b = Client(f"{name}-other", version, transport)
    for n in range(20):
        b.publish(f"{name}/q", str(n), 1 + n % 2)
    # Subscribed before, so the messages come by themselves, the first perhaps before CONNACK is reported.
    a = Client(name, version, transport, clean=False)
    check(a.flags.session_present, "no session")
    got = [int(a.message().payload) for _ in range(20)]
    for odd in range(2):  # QoS 1 and QoS 2 have an order each
        equal([n for n in got if n % 2 == odd], list(range(odd, 20, 2)))
    a.leave()
    a = Client(name, version, transport, clean=True)
    check(not a.flags.session_present, "a session after a clean start")
    a.leave()
    b.leave()


def properties(name, version, transport):
    a = Client(name, version, transport)
    options = SubscribeOptions(qos=1)
    subscribe = Properties(PacketTypes.SUBSCRIBE)
    subscribe.SubscriptionIdentifier = 42
    a.subscribe(f"{name}/p", options=options, properties=subscribe)
    sent = Properties(PacketTypes.PUBLISH)
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 100
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answer/here"
    sent.CorrelationData = b"\x00\xff"
    sent.UserProperty = [("b", "1"), ("a", "2"), ("b", "3")]
    a.publish(f"{name}/p", "x", 1, properties=sent)
    got = a.message().properties
    equal(got.SubscriptionIdentifier, [42])
    for field in ["PayloadFormatIndicator", "MessageExpiryInterval", "ContentType", "ResponseTopic",
                  "CorrelationData", "UserProperty"]:
        equal(getattr(got, field), getattr(sent, field))
    a.leave()


def aliases(name, version, transport):
    a = Client(name, version, transport)
    check(a.properties.TopicAliasMaximum >= 2, "no topic aliases")
    a.subscribe(f"{name}/#", 1)
    for topic, payload in [(f"{name}/long", "1"), ("", "2"), ("", "3")]:
        sent = Properties(PacketTypes.PUBLISH)
        sent.TopicAlias = 2
        a.publish(topic, payload, 1, properties=sent)
        message = a.message()
        equal((message.topic, message.payload.decode()), (f"{name}/long", payload))
    a.leave()


def options_of_subscriptions(name, version, transport):
    a = Client(name, version, transport)
    b = Client(f"{name}-other", version, transport)
    a.subscribe(f"{name}/n", options=SubscribeOptions(qos=1, noLocal=True))
    a.publish(f"{name}/n", "own", 1)
    b.publish(f"{name}/n", "other", 1)
    equal(a.message().payload, b"other")
    a.publish(f"{name}/r", "kept", 1, retain=True)
    a.subscribe(f"{name}/r", options=SubscribeOptions(qos=1, retainHandling=2, retainAsPublished=True))
    a.nothing()
    b.publish(f"{name}/r", "", 1, retain=True)
    check(a.message().retain, "retain as published")
    a.leave()
    b.leave()


def shared(name, version, transport):
    clients = [Client(f"{name}-{n}", version, transport) for n in range(3)]
    for client in clients[:2]:
        client.subscribe(f"$share/group/{name}/work", 1)
    for n in range(20):
        clients[2].publish(f"{name}/work", str(n), 1)
    got = [[int(client.message().payload) for _ in range(10)] for client in clients[:2]]
    equal(sorted(got[0] + got[1]), list(range(20)))
    for client in clients:
        client.nothing()
        client.leave()


def taken_over(name, version, transport):
    first = Client(name, version, transport)
    first.paho.reconnect_delay_set(60, 60)
    second = Client(name, version, transport)
    reason = first.disconnects.get(timeout=PATIENCE)
    equal(reason.value, 0x8E)
    first.leave()
    second.leave()


def assigned_id(name, version, transport):
    a = Client("", version, transport)
    check(a.properties.AssignedClientIdentifier, "no id")
    a.leave()


ALL = [each_qos, many_at_once, retained, wills, sessions, shared]
ONLY_V5 = [properties, aliases, options_of_subscriptions, taken_over, assigned_id]

failed = False
for version_name, version in [("3.1.1", V4), ("5.0", V5)]:
    for transport in ["tcp", "websockets"]:
        for test in ALL + (ONLY_V5 if version == V5 else []):
            name = f"{test.__name__}-{version_name}-{transport}"
            try:
                test(name, version, transport)
                print(f"ok {name}", flush=True)
            except Exception as error:
                failed = True
                line = traceback.extract_tb(error.__traceback__)[-1].lineno
                words = f"{type(error).__name__}: {error}".replace("\n", " ")
                print(f"FAILED {name}: line {line}: {words}", flush=True)
sys.exit(failed)
