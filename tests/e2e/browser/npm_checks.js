// What npm.rs asks of the client. Each check throws where something is not as it should be.

function same(actual, expected, what) {
  const [a, b] = [actual, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: ${a} in place of ${b}`);
}

async function fails(promise, part, what) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (!error.message.includes(part)) throw new Error(`${what}: "${error.message}" does not say "${part}"`);
    return error;
  }
  throw new Error(`${what}: did not fail, but gave ${JSON.stringify(value)}`);
}

const id = () => `npm-${Math.random().toString(36).slice(2)}`;

const checks = {
  // Events, at every QoS, between two clients.
  async talks(mqtt, { broker, version, topic }) {
    const [one, two] = await Promise.all([1, 2].map(() => mqtt.connect(broker, { version, clientId: id() })));
    same([one.connected, one.state.name], [true, "connected"], "state");
    const received = [];
    const all = new Promise((resolve) => {
      two.on("message", (message) => {
        received.push([message.topic, message.text(), message.qos]);
        if (received.length === 3) resolve();
      });
    });
    same(await two.subscribe(`${topic}/#`, { qos: 2 }), 2, "granted");
    for (const qos of [0, 1, 2]) await one.publish(`${topic}/${qos}`, `at ${qos}`, { qos });
    await all;
    same(received, [0, 1, 2].map((qos) => [`${topic}/${qos}`, `at ${qos}`, qos]), "received");
    await two.unsubscribe(`${topic}/#`);
    await Promise.all([one.end(), two.end()]);
  },

  // for await: what matches and nothing else; the end of the loop unsubscribes; a slow loop loses and counts.
  async iterates(mqtt, { broker, version, topic }) {
    const client = await mqtt.connect(broker, { version, clientId: id() });
    await client.subscribe(`${topic}/other`);
    const messages = client.messages(`${topic}/+/n`, { qos: 1 });
    const slow = client.messages(undefined, { limit: 2 });
    await new Promise((resolve) => {
      const stop = client.on("subscribed", ({ filter }) => filter.endsWith("/n") && (stop(), resolve()));
    });
    await client.publish(`${topic}/other`, "not this", { qos: 1 });
    for (let n = 0; n < 5; n += 1) await client.publish(`${topic}/x/n`, JSON.stringify({ n }), { qos: 1 });
    const seen = [];
    for await (const message of messages) {
      seen.push(message.json().n);
      if (seen.length === 5) break;
    }
    same(seen, [0, 1, 2, 3, 4], "seen");
    same([(await slow.next()).value.text(), slow.dropped], ["not this", 4], "slow loop");
    await client.end();
    same(await slow.next().then((last) => last.value?.json().n), 0, "what had arrived is still there");
    same((await slow.next()).done, true, "the end of the client ends the loop");
  },

  // Clear errors, which come from where the mistake was.
  async refuses(mqtt, { broker, version, topic }) {
    await fails(mqtt.connect("ws://127.0.0.1:1/none"), "unreachable", "no broker");
    await fails(mqtt.connect(broker, { clientID: "x" }), "unknown option 'clientID'", "an option that is not known");
    await fails(mqtt.connect(broker, { version: "4" }), "'3.1.1'", "a version that is not known");
    await fails(mqtt.connect(7), "is a string, not number", "an address that is none");
    const { WebSocket } = globalThis;
    globalThis.WebSocket = undefined;
    await fails(mqtt.connect(broker), "no WebSocket here", "a Node.js that is too old").finally(() => (globalThis.WebSocket = WebSocket));
    const client = await mqtt.connect(broker, { version, clientId: id() });
    await fails(client.subscribe(null), "is a string, not null", "a filter of another type");
    await fails(client.publish(7, ""), "is a string, not number", "a topic of another type");
    const kind = await client.publish(topic, "", { qos: 3 }).catch((error) => [error instanceof mqtt.MqttError, error.message]);
    same(kind, [true, "qos 3 is not 0, 1 or 2"], "what is wrong is an MqttError");
    await fails(client.subscribe("a/#/b"), "filter", "a filter that is none");
    await fails(client.publish("a/+", ""), "topic", "a topic that is none");
    await fails(client.publish(topic, { a: 1 }), "JSON.stringify", "a payload that is none");
    await fails(client.publish(topic, "", { qos: 3 }), "qos 3", "a QoS that is none");
    same([mqtt.matches("a/+/c", "a/b/c"), mqtt.matches("a/#", "b")], [true, false], "matches");
    await client.end();
    await fails(client.publish(topic, ""), "has ended", "after the end");
  },

  // Bytes are kept as they are; retained messages are marked.
  async keeps_bytes(mqtt, { broker, version, topic }) {
    const client = await mqtt.connect(broker, { version, clientId: id() });
    const payload = Uint8Array.from({ length: 70000 }, (_, i) => (i * 7919) % 256);
    await client.publish(`${topic}/bytes`, payload, { qos: 1, retain: true });
    for await (const message of client.messages(`${topic}/#`)) {
      same([message.retain, message.payload.length], [true, payload.length], "message");
      if (message.payload.some((byte, i) => byte !== payload[i])) throw new Error("other bytes came back");
      break;
    }
    await client.publish(`${topic}/bytes`, "", { qos: 1, retain: true });
    await client.end();
  },

  // MQTT 5: what travels with a message. Before, the options are taken and not sent.
  async properties(mqtt, { broker, version, topic }) {
    const client = await mqtt.connect(broker, { version, clientId: id(), userProperties: [["a", "b"]] });
    const options = {
      qos: 1,
      contentType: "text/plain",
      responseTopic: `${topic}/answers`,
      correlationData: new Uint8Array([1, 2, 3]),
      userProperties: [["unit", "°C"], ["unit", "again"]],
      messageExpiryS: 600,
      payloadIsUtf8: true,
    };
    const messages = client.messages(`${topic}/p`, { qos: 1, subscriptionId: 7 });
    await client.publish(`${topic}/p`, "21", options);
    const { value } = await messages.next();
    const { qos, ...expected } = { ...options, correlationData: [1, 2, 3], subscriptionIds: [7] };
    const actual = { ...value.properties };
    if (actual.correlationData) actual.correlationData = [...actual.correlationData];
    const sorted = (object) => Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
    same(sorted(actual), version === "5" ? sorted(expected) : [], "properties");
    await messages.return();
    await client.end();
  },

  // The end says so to everybody who waits.
  async ends(mqtt, { broker, version }) {
    const client = await mqtt.connect(broker, { version, clientId: id() });
    const messages = client.messages();
    const next = messages.next();
    await client.end();
    same((await next).done, true, "the loop has ended");
  },

  // Two clients with one id do not fight.
  async taken_over(mqtt, { broker, version }) {
    const other = await mqtt.connect(broker, { version, clientId: "npm-twice" });
    const stopped = new Promise((resolve) => other.on("state", (s) => s.name !== "connected" && resolve(s)));
    const thief = await mqtt.connect(broker, { version, clientId: "npm-twice" });
    const state = await stopped;
    if (version === "5") same([state.name, state.reasonCode], ["stopped", 0x8e], "taken over");
    await Promise.all([other.end(), thief.end()]);
  },

  // Steps are told in window.step; npm.rs ends the broker and starts it again.
  async survives(mqtt, { broker, topic }) {
    const client = await mqtt.connect(broker, { clientId: id(), reconnectMinMs: 50, reconnectMaxMs: 200 });
    const messages = client.messages(`${topic}/#`, { qos: 1 });
    await client.publish(`${topic}/a`, "before", { qos: 1 });
    same((await messages.next()).value.text(), "before", "before");
    const away = new Promise((resolve) => client.on("state", (s) => s.name === "waiting" && resolve()));
    window.step = "connected";
    await away;
    const published = client.publish(`${topic}/a`, "while away", { qos: 1 });
    window.step = "published while away";
    same((await published).reasonCode, 0, "acknowledged");
    same((await messages.next()).value.text(), "while away", "while away");
    await client.end();
  },
};
