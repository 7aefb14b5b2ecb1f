// TabMQ's MQTT client for JavaScript: browsers, workers, and Node.js from 22 on (which has a WebSocket of its own).
// The protocol is WebAssembly, the same code that TabMQ's page runs; here is what makes it pleasant. Types: index.d.ts.

import init, { Connection, topicMatches } from "./tabmq_client.js";

/** Messages that wait for a `for await` loop, at most, unless it says otherwise. */
const ITERATOR_LIMIT = 10000;

let loading;

/** Loads the WebAssembly module once; `source` says where from, where it is not beside this file. */
export function load(source) {
  // What failed once may be there the next time.
  loading ??= start(source).catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function start(source) {
  const module = source ?? new URL("./tabmq_client_bg.wasm", import.meta.url);
  // Node.js has no fetch for files.
  if (module instanceof URL && module.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    await init({ module_or_path: await readFile(module) });
  } else {
    await init({ module_or_path: module });
  }
}

/** What the broker refused, or why there is no connection. `reasonCode` is the protocol's, if the broker gave one. */
export class MqttError extends Error {
  constructor(message, reasonCode) {
    super(message);
    this.name = "MqttError";
    this.reasonCode = reasonCode;
  }
}

/** A message for one of the subscriptions. */
export class Message {
  constructor(topic, payload, qos, retain, dup, properties) {
    this.topic = topic;
    this.payload = payload;
    this.qos = qos;
    this.retain = retain;
    this.dup = dup;
    this.properties = properties ?? {};
  }

  /** The payload as UTF-8. What is not UTF-8 becomes U+FFFD. */
  text() {
    return decoder.decode(this.payload);
  }

  /** The payload as JSON. Throws a SyntaxError if it is not. */
  json() {
    return JSON.parse(this.text());
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Whether a topic is for a subscription with this filter. `load` or `connect` must have finished. */
export function matches(filter, topic) {
  text(filter, "a filter");
  text(topic, "a topic");
  return topicMatches(filter, topic);
}

/** Connects, and resolves once the broker has accepted. After that the client comes back by itself until `end`. */
export async function connect(url, options = {}) {
  text(url, "the broker's address");
  if (typeof WebSocket === "undefined") {
    throw new MqttError("there is no WebSocket here: Node.js has one from 22 on, and 20 with --experimental-websocket");
  }
  const { retryFirst = false, wasm, ...rest } = options;
  await load(wasm);
  const client = new Client();
  await client.open(url, rest, retryFirst);
  return client;
}

/** One connection. Made by `connect`. */
export class Client {
  #connection;
  #listeners = new Map();
  /** By the number of the message. */
  #publications = new Map();
  /** By filter: those who wait for the broker's answer. */
  #subscribing = new Map();
  #unsubscribing = new Map();
  #iterators = new Set();
  #state = { name: "idle", words: "not connected", attempt: 0, clientId: "", sessionPresent: false };
  #forget = [];

  /** Where the connection is: see `State` in index.d.ts. */
  get state() {
    return this.#state;
  }

  get connected() {
    return this.#state.name === "connected";
  }

  /** The id in use: your own, or the one that the broker chose. */
  get clientId() {
    return this.#state.clientId;
  }

  /** @internal */
  open(url, options, retryFirst) {
    if (this.#connection) throw new MqttError("this client is in use: connect() makes another one");
    this.#connection = new Connection(this.#listener());
    const opened = new Promise((resolve, reject) => {
      const settle = (state) => {
        if (state.name === "connected") resolve();
        else if (state.name === "stopped" || (state.name === "waiting" && !retryFirst)) {
          reject(new MqttError(state.words, state.reasonCode));
        } else return;
        stop();
      };
      const stop = this.on("state", settle);
    });
    try {
      asked(() => this.#connection.start(url, options));
    } catch (error) {
      this.#release();
      throw error;
    }
    this.#watch();
    return opened.catch((error) => {
      this.#release();
      throw error;
    });
  }

  /** Calls `listener` at each event with this name. Returns a function that stops it. */
  on(name, listener) {
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, (listeners = new Set()));
    listeners.add(listener);
    return () => this.off(name, listener);
  }

  /** Takes a listener away again. */
  off(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }

  /**
   * Publishes. Resolves when the message has been handed to the connection (QoS 0) or acknowledged (QoS 1 and 2), be it
   * after a reconnect; rejects with what the broker, or the bounded queue, says.
   */
  publish(topic, payload = "", options) {
    return new Promise((resolve, reject) => {
      const connection = this.#live();
      text(topic, "a topic");
      const sent = bytes(payload);
      const id = asked(() => connection.publish(topic, sent, options));
      this.#publications.set(id, { resolve, reject });
      connection.drive();
    });
  }

  /** Subscribes. Resolves with the QoS that the broker granted; rejects if it refused. Survives reconnects. */
  subscribe(filter, options) {
    return this.#ask(this.#subscribing, filter, (connection) => connection.subscribe(filter, options));
  }

  /** Unsubscribes. Resolves when the broker has confirmed. */
  unsubscribe(filter) {
    return this.#ask(this.#unsubscribing, filter, (connection) => connection.unsubscribe(filter));
  }

  /**
   * The messages from now on, for `for await`; with a filter it subscribes, gives only what matches, and unsubscribes at the
   * end of the loop. Ends when the client ends. What comes while `limit` messages wait is dropped and counted in `dropped`.
   */
  messages(filter, { limit = ITERATOR_LIMIT, ...options } = {}) {
    this.#live();
    const iterator = new Messages(filter, limit, async () => {
      this.#iterators.delete(iterator);
      if (filter !== undefined && this.#connection) await this.unsubscribe(filter).catch(() => {});
    });
    this.#iterators.add(iterator);
    if (filter !== undefined) {
      this.subscribe(filter, options).catch((error) => iterator.fail(error));
    }
    return iterator;
  }

  /** Tries again at once if there is no connection; otherwise sees whether the broker still answers. */
  probe() {
    this.#live().probe();
  }

  /** Says good-bye and stays away. What is still unacknowledged is rejected. */
  async end() {
    this.#connection?.stop();
    this.#release();
  }

  #live() {
    if (!this.#connection) throw new MqttError("this client has ended: connect() makes another one");
    return this.#connection;
  }

  #ask(waiting, filter, ask) {
    return new Promise((resolve, reject) => {
      const connection = this.#live();
      text(filter, "a filter");
      const entry = { resolve, reject };
      if (!waiting.has(filter)) waiting.set(filter, []);
      waiting.get(filter).push(entry);
      try {
        asked(() => ask(connection));
      } catch (error) {
        waiting.get(filter).splice(waiting.get(filter).indexOf(entry), 1);
        throw error;
      }
    });
  }

  #answer(waiting, filter, code, words) {
    const entries = waiting.get(filter) ?? [];
    waiting.delete(filter);
    for (const { resolve, reject } of entries) {
      if (code < 0x80) resolve(code);
      else reject(new MqttError(`${filter}: ${words}`, code));
    }
  }

  #emit(name, value) {
    const listeners = this.#listeners.get(name);
    if (!listeners?.size) return;
    // A copy, as listeners may come and go meanwhile; the usual single one needs none.
    const [first] = listeners;
    for (const listener of listeners.size === 1 ? [first] : [...listeners]) {
      // One listener's error is not the others', nor the connection's.
      try {
        listener(value);
      } catch (error) {
        report(error);
      }
    }
  }

  /** What the WebAssembly module calls. */
  #listener() {
    return {
      message: (topic, payload, qos, retain, dup, properties) => {
        const message = new Message(topic, payload, qos, retain, dup, properties);
        if (this.#iterators.size) for (const iterator of [...this.#iterators]) iterator.offer(message);
        this.#emit("message", message);
      },
      published: (id, code, words) => {
        const waiting = this.#publications.get(id);
        this.#publications.delete(id);
        if (code === -2 || code >= 0x80) waiting?.reject(new MqttError(words, code < 0 ? undefined : code));
        else waiting?.resolve({ reasonCode: code < 0 ? undefined : code });
      },
      subscribed: (filter, code, words) => {
        this.#answer(this.#subscribing, filter, code, words);
        this.#emit("subscribed", { filter, reasonCode: code, words });
      },
      unsubscribed: (filter, code, words) => this.#answer(this.#unsubscribing, filter, code, words),
      dropped: (count, words) => this.#emit("dropped", { count, words }),
      state: (name, words, code, attempt, clientId, sessionPresent) => {
        const reasonCode = code < 0 ? undefined : code;
        this.#state = { name, words, attempt, clientId, sessionPresent, reasonCode };
        this.#emit("state", this.#state);
        // What is final (wrong password, taken over) ends what waits.
        if (name === "stopped") this.#abandon(new MqttError(words, reasonCode));
      },
    };
  }

  /** A tab that comes back, or a network that does, finds out at once whether the connection still lives. */
  #watch() {
    const target = globalThis.window ?? (typeof globalThis.addEventListener === "function" ? globalThis : undefined);
    const probe = () => this.#connection?.probe();
    const visible = () => globalThis.document?.visibilityState === "visible" && probe();
    target?.addEventListener("online", probe);
    globalThis.document?.addEventListener("visibilitychange", visible);
    this.#forget.push(() => {
      target?.removeEventListener("online", probe);
      globalThis.document?.removeEventListener("visibilitychange", visible);
    });
  }

  #abandon(error) {
    const waiting = [...this.#publications.values()];
    for (const entries of [this.#subscribing, this.#unsubscribing]) waiting.push(...[...entries.values()].flat());
    for (const map of [this.#publications, this.#subscribing, this.#unsubscribing]) map.clear();
    for (const { reject } of waiting) reject(error);
    for (const iterator of [...this.#iterators]) iterator.end();
  }

  #release() {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    for (const forget of this.#forget.splice(0)) forget();
    this.#abandon(new MqttError("the client has ended"));
    // Not now: it may be the module that is calling.
    queueMicrotask(() => connection.free());
  }
}

/** What `client.messages()` returns. */
class Messages {
  #filter;
  #limit;
  #onEnd;
  #queue = [];
  #waiting = [];
  #ended = false;
  #error;
  /** How many messages were dropped because the loop was too slow. */
  dropped = 0;

  constructor(filter, limit, onEnd) {
    this.#filter = filter;
    this.#limit = limit;
    this.#onEnd = onEnd;
  }

  /** @internal */
  offer(message) {
    if (this.#ended || (this.#filter !== undefined && !topicMatches(this.#filter, message.topic))) return;
    const next = this.#waiting.shift();
    if (next) next.resolve({ value: message, done: false });
    else if (this.#queue.length < this.#limit) this.#queue.push(message);
    else this.dropped += 1;
  }

  /** @internal */
  fail(error) {
    this.#error = error;
    this.end();
  }

  /** @internal */
  end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    for (const { resolve, reject } of this.#waiting.splice(0)) this.#finish(resolve, reject);
  }

  #finish(resolve, reject) {
    const error = this.#error;
    this.#error = undefined;
    if (error) reject(error);
    else resolve({ value: undefined, done: true });
  }

  next() {
    return new Promise((resolve, reject) => {
      const message = this.#queue.shift();
      if (message) resolve({ value: message, done: false });
      else if (this.#ended) this.#finish(resolve, reject);
      else this.#waiting.push({ resolve, reject });
    });
  }

  async return() {
    this.#queue.length = 0;
    this.end();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

/** What is not a text would be read as one by WebAssembly. */
function text(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} is a string, not ${value === null ? "null" : typeof value}`);
}

/** Asks the WebAssembly module, whose errors are no MqttErrors of their own. */
function asked(ask) {
  try {
    return ask();
  } catch (error) {
    throw new MqttError(String(error?.message ?? error).replace(/^Error: /, ""));
  }
}

/** Nobody's error to handle: where browsers show it, and where Node.js does. */
function report(error) {
  if (typeof reportError === "function") reportError(error);
  else {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function bytes(payload) {
  if (typeof payload === "string") return encoder.encode(payload);
  if (payload instanceof Uint8Array) return payload;
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  throw new TypeError("a payload is a string, a Uint8Array or an ArrayBuffer; JSON.stringify what is something else");
}
