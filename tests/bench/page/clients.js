// The clients side by side, in one page: what each of them takes of messages as fast as they come.

import * as tabmq from "./tabmq-client/index.js";
import mqttjs from "./mqtt.esm.js";

/** Not measured: the connection, the first compilation of what is called often. */
const WARM_UP_MS = 500;

/** CONNECT (3.1.1, no keep-alive) and SUBSCRIBE to `#`. */
const CONNECT = [0x10, 0x0c, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 0];
const SUBSCRIBE = [0x82, 6, 0, 1, 0, 1, 0x23, 0];

/** Each connects, subscribes, tells `heard` of messages, and returns how to end it. */
const clients = {
  /** Nothing but the WebSocket: what the transport allows. Frames are counted, not looked into. */
  async transport(url, heard, perFrame) {
    const socket = new WebSocket(url, "mqtt");
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const ACKNOWLEDGEMENTS = 2;
    let frames = 0;
    socket.onmessage = ({ data }) => {
      if (++frames > ACKNOWLEDGEMENTS) heard(perFrame, data.byteLength);
    };
    socket.send(new Uint8Array(CONNECT));
    socket.send(new Uint8Array(SUBSCRIBE));
    return () => socket.close();
  },

  async tabmq(url, heard) {
    const client = await tabmq.connect(url, { version: "3.1.1", keepAliveS: 0, reconnect: false });
    client.on("message", (message) => heard(1, message.topic.length + message.payload.length));
    await client.subscribe("#");
    return () => client.end();
  },

  async mqttjs(url, heard) {
    const client = mqttjs.connect(url, { protocolVersion: 4, keepalive: 0, reconnectPeriod: 0 });
    client.on("message", (topic, payload) => heard(1, topic.length + payload.length));
    await new Promise((resolve, reject) => {
      client.on("connect", resolve);
      client.on("error", reject);
    });
    client.subscribe("#");
    return () => client.end(true);
  },
};

/** Messages a second, and the longest task in milliseconds (0: none above the 50 ms from which the browser counts). */
async function measure(name, url, perFrame, milliseconds) {
  let messages = 0;
  let bytes = 0;
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
  });
  observer.observe({ type: "longtask" });
  const end = await clients[name](url, (n, length) => {
    messages += n;
    bytes += length;
  }, perFrame);
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await wait(WARM_UP_MS);
  longest = 0;
  const [from, before] = [performance.now(), messages];
  await wait(milliseconds);
  const [to, after] = [performance.now(), messages];
  observer.disconnect();
  end();
  if (bytes === 0) throw new Error(`${name} has heard nothing`);
  return { rate: ((after - before) * 1000) / (to - from), longest };
}

/** For the driver: begins, and leaves the outcome in `window.outcome`. */
window.begin = (...args) => {
  window.outcome = null;
  measure(...args).then(
    (outcome) => (window.outcome = outcome),
    (error) => (window.outcome = { error: String(error?.stack ?? error) }),
  );
};
window.ready = true;
