// MQTT 3.1, 3.1.1 and 5.0 over WebSocket.

export type Version = "5" | "3.1.1" | "3.1";
export type QoS = 0 | 1 | 2;
export type Payload = string | Uint8Array | ArrayBuffer | ArrayBufferView;

/** How to connect. Unknown names are errors. */
export interface ConnectOptions {
  /** Default: "5". */
  version?: Version;
  /** Default: the broker chooses one. */
  clientId?: string;
  /** Begin with a new session. Default: true. */
  cleanStart?: boolean;
  /** Seconds; 0 is off. Default: 60. */
  keepAliveS?: number;
  username?: string;
  password?: string | Uint8Array;
  /** What the broker publishes when this client is gone without a word. */
  will?: Will;
  /** Seconds that the session outlives the connection (MQTT 5). Default: 0. 4294967295: for ever. */
  sessionExpiryS?: number;
  /** How many messages at QoS 1 and 2 the broker may send before they are acknowledged (MQTT 5). */
  receiveMaximum?: number;
  /** How many topic aliases the broker may use (MQTT 5). Default: 0. */
  topicAliasMaximum?: number;
  requestResponseInformation?: boolean;
  requestProblemInformation?: boolean;
  /** MQTT 5. */
  userProperties?: [name: string, value: string][];
  /** Come back by itself when the connection is lost. Default: true. */
  reconnect?: boolean;
  /** Milliseconds before the second attempt; doubled each time, less up to a half at random. Default: 500. */
  reconnectMinMs?: number;
  /** Never longer than this. Default: 30,000. */
  reconnectMaxMs?: number;
  /** For opening the connection and the broker's answer together. Default: 15,000. */
  connectTimeoutMs?: number;
  /** How many messages wait at most while there is no connection. Default: 10,000. */
  queueMessages?: number;
  /** How many bytes they hold at most. Default: 64 MiB. */
  queueBytes?: number;
  /** How many messages at QoS 1 and 2 are unacknowledged at most. Default: 500. */
  maxInFlight?: number;
  /** The largest packet in bytes that is accepted. Default: 64 MiB. */
  maxPacketSize?: number;
  /** Go on trying when the very first attempt fails, instead of rejecting. Default: false. */
  retryFirst?: boolean;
  /** Where the WebAssembly module is, if not beside index.js: URL, Response, bytes or a WebAssembly.Module. */
  wasm?: WasmSource;
}

/** An address or a URL, a Response, bytes, or a WebAssembly.Module; these types are not everywhere that this client is. */
export type WasmSource = string | object;

/** Properties of MQTT 5 that travel with a message. */
export interface MessageProperties {
  messageExpiryS?: number;
  payloadIsUtf8?: boolean;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  userProperties?: [name: string, value: string][];
}

export interface Will extends MessageProperties {
  topic: string;
  payload?: string | Uint8Array;
  qos?: QoS;
  retain?: boolean;
  /** Seconds that the broker waits (MQTT 5). */
  delayS?: number;
}

export interface PublishOptions extends MessageProperties {
  qos?: QoS;
  retain?: boolean;
}

export interface SubscribeOptions {
  /** The highest QoS of what is delivered. Default: 0. */
  qos?: QoS;
  /** Not what this client published itself (MQTT 5). */
  noLocal?: boolean;
  /** Keep the retain flag as it was published (MQTT 5). */
  retainAsPublished?: boolean;
  /** When retained messages are sent (MQTT 5). Default: "send". */
  retainHandling?: "send" | "send-if-new" | "do-not-send";
  /** Comes back with each message: 1 to 268,435,455 (MQTT 5). */
  subscriptionId?: number;
}

/** A message for one of the subscriptions. */
export declare class Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  /** Whether it was retained by the broker before the subscription. */
  readonly retain: boolean;
  readonly dup: boolean;
  readonly properties: MessageProperties & { subscriptionIds?: number[] };
  /** The payload as UTF-8. */
  text(): string;
  /** The payload as JSON. Throws a SyntaxError if it is not. */
  json(): unknown;
}

export interface State {
  name: "idle" | "connecting" | "connected" | "waiting" | "stopped";
  /** A sentence for people, with the remedy where something is wrong. */
  words: string;
  /** The broker's reason code, if it gave one. */
  reasonCode?: number;
  /** The number of the attempt that is being made or comes next. */
  attempt: number;
  clientId: string;
  /** Whether the broker still had the session. */
  sessionPresent: boolean;
}

export interface Events {
  message: Message;
  state: State;
  /** The broker's answer for a filter; again after each reconnect that lost the session. */
  subscribed: { filter: string; reasonCode: number; words: string };
  /** Messages to publish were given up: the queue was full, or they expired. */
  dropped: { count: number; words: string };
}

export declare class MqttError extends Error {
  readonly reasonCode?: number;
}

export interface Messages extends AsyncIterableIterator<Message> {
  /** How many messages were dropped because the loop was too slow. */
  readonly dropped: number;
}

export declare class Client {
  private constructor();
  readonly state: State;
  readonly connected: boolean;
  /** The id in use: your own, or the one that the broker chose. */
  readonly clientId: string;
  /** Returns a function that takes the listener away again. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void;
  off<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void;
  /**
   * Resolves when the message has been handed to the connection (QoS 0) or acknowledged (QoS 1 and 2), be it after a
   * reconnect; rejects with an MqttError.
   */
  publish(topic: string, payload?: Payload, options?: PublishOptions): Promise<{ reasonCode?: number }>;
  /** Resolves with the QoS that the broker granted; rejects with an MqttError if it refused. */
  subscribe(filter: string, options?: SubscribeOptions): Promise<QoS>;
  unsubscribe(filter: string): Promise<number>;
  /**
   * The messages from now on, for `for await`. With a filter it subscribes, gives only what matches, and unsubscribes at the
   * end of the loop. `limit`: how many wait at most (10,000); what comes beyond that is dropped and counted.
   */
  messages(filter?: string, options?: SubscribeOptions & { limit?: number }): Messages;
  /** Tries again at once if there is no connection; otherwise sees whether the broker still answers. */
  probe(): void;
  /** Says good-bye and stays away. */
  end(): Promise<void>;
}

/** Connects, and resolves once the broker has accepted; rejects with an MqttError, or a TypeError for what is no address. */
export declare function connect(url: string, options?: ConnectOptions): Promise<Client>;

/** Loads the WebAssembly module ahead of time. */
export declare function load(wasm?: WasmSource): Promise<void>;

/** Whether a topic is for a subscription with this filter. `load` or `connect` must have finished. */
export declare function matches(filter: string, topic: string): boolean;
