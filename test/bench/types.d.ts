/** The messages between the processes of a benchmark, and a scenario's result. */

export interface Topic {
  /** The room name, for systems without torrents. */
  name: string
  infoHash: string
  /** The .torrent file, base64, without a tracker. */
  torrent: string
  size: number
}

export interface ClientOptions {
  trackerUrl: string
  topic: Topic
  /** Further torrents. A connection's key then includes its torrent. */
  further?: Topic[]
  /** A seeder has the data from the beginning. */
  seeder: boolean
  /** Dials the tracker with the torrent, not before. Only swarmlink dials before. @default false */
  cold?: boolean
  /** The WebRTC engine, where the system leaves the choice. @default node-datachannel */
  engine?: EngineName
  /** Other members, which a client by hand sends offers to. @default 1 */
  others?: number
  /** Holds the files of the torrent. @default memory does */
  folder?: string
  /** Clients in the process, each with a tracker URL of its own, because clients with one URL may share a socket. @default 1 */
  crowd?: number
  /** The most peers of a topic, where a system has a limit; peers then do not introduce peers. @default the system's */
  maxPeers?: number
}

export type EngineName = 'node-datachannel' | 'roamhq'

/** Clocks of one machine: milliseconds of the monotonic clock, comparable between processes. */
export type Instant = number

export interface Report {
  linked(remote: string, kind?: string): void
  unlinked(remote: string): void
  finished(): void
}

export interface Client {
  start(): void | Promise<void>
  stop(): void | Promise<void>
  /** Does a task of some scenarios, and returns its result. */
  ask?(task: unknown): Promise<unknown>
}

/** Connections of one process. NaN where they cannot be counted. */
export interface ConnectionCounts {
  /** Begun by this process, whether or not the offer was sent. */
  begun: number
  /** Made by this process, for its own offer or a received one. */
  made: number
  connected: number
  /** UDP sockets, one for each live connection: connected, connecting, or an idle offer. */
  sockets: number
}

export interface ClientSample extends ConnectionCounts {
  at: Instant
  /** Microseconds of CPU, user and system together. */
  cpu: number
  memory: number
}

export interface TrackerSample {
  framesIn: number
  framesOut: number
  bytesIn: number
  bytesOut: number
  announces: number
  offers: number
  answers: number
  /** Open at present. */
  sockets: number
  /** Announced so far. */
  topics: number
}

export type ToChild =
  | { type: 'prepare'; options: unknown }
  | { type: 'start' }
  /** `isEnd`: of what is measured between two samples. */
  | { type: 'sample'; number: number; isEnd: boolean }
  | { type: 'ask'; number: number; task: unknown }
  | { type: 'stop' }

export type FromChild =
  | { type: 'ready'; at: Instant; port?: number }
  | { type: 'started'; at: Instant }
  | { type: 'linked'; at: Instant; remote: string; kind: string }
  | { type: 'unlinked'; at: Instant; remote: string }
  | { type: 'finished'; at: Instant }
  | { type: 'announced'; at: Instant; peerId: string }
  | { type: 'sample'; number: number; sample: ClientSample | TrackerSample }
  | { type: 'told'; number: number; answer: unknown }
  | { type: 'failed'; message: string }

/** Tasks of a swarmlink client in a swarm without a tracker. */
export type HandTask = { name: 'who' } | { name: 'invite' } | { name: 'connect'; signal: string }

/** Tasks of a message client: first the receiver's, then the sender's, then a request for the results of both. */
export type MessageTask = { name: 'receive'; work: Work } | { name: 'send'; work: Work } | { name: 'end' } | Handshake

/** How two bare connections find each other, over the harness. */
export type Handshake = { name: 'offer' } | { name: 'answer'; sdp: string } | { name: 'accept'; sdp: string }

/** Tasks of one end of a connection with many channels: connect, start sending, report what has arrived since the last report. */
export type FairnessTask =
  | { name: 'offer'; busy: number; inTurns: boolean }
  | { name: 'answer'; sdp: string }
  | { name: 'accept'; sdp: string }
  /** `gap`: milliseconds between two small messages, 0 for none. */
  | { name: 'send'; gap: number }
  | { name: 'count' }

export interface FairnessCount {
  ms: number
  /** Per busy channel. */
  bytes: number[]
  /** Milliseconds that each small message was in transit. */
  times: number[]
}

export type Work =
  /** `count` messages of `size` bytes. `piece`: the size of the bare channel's pieces. */
  | { kind: 'large'; size: number; count: number; piece: number }
  /** `size` bytes that neither side holds as a whole. */
  | { kind: 'stream'; size: number }
  /** `count` JSON messages of about 100 bytes. */
  | { kind: 'small'; count: number }
  /** `count` sequential questions. */
  | { kind: 'request'; count: number }
  /** A large message, and a small one every `gap` milliseconds until it has arrived. */
  | { kind: 'mixed'; size: number; piece: number; gap: number }

/** One side's report about a task. */
export interface Outcome {
  /** The sender's start, or the receiver's end. */
  at: Instant
  /** Milliseconds of CPU, user and system together, on all threads. */
  cpu: number
  /** Peak bytes of resident memory, and of array buffers among them, above the baseline. */
  memory: number
  arrayBuffers: number
  /** The SHA-256 of what was sent or received. */
  hash?: string
  /** Milliseconds that each question took, or that each small message was in transit. */
  times?: number[]
}

/** One end of a connection to one peer, for any system. Measures nothing. */
export interface Carrier {
  /** Sends one JSON value. Returns false when the sender should wait for `room`, requested in the same turn. */
  post(value: object): boolean
  room(): Promise<void>
  /** Bytes in the form that this system sends. */
  form?(bytes: Uint8Array): Uint8Array | string
  /** Sends one message, whole or in pieces. Resolves when the next may follow. */
  sendLarge(message: Uint8Array | string, piece: number): Promise<void>
  /** Receives everything from now on: values, and bytes whole or in pieces. */
  listen(receive: (message: unknown) => void): void
  /** Sends a question, which the remote answers with the same value. */
  request?(): Promise<void>
  /** Answers questions from now on, and calls `answered` after each. */
  answer?(answered: () => void): void
  stream?(source: Iterable<Uint8Array>): Promise<void>
  /** Resolves at the end of the next stream. */
  readStream?(read: (bytes: Uint8Array) => void): Promise<void>
}

export interface System {
  name: 'swarmlink' | 'webtorrent' | 'p2pt' | 'trystero' | 'simple-peer' | 'bare'
  label: string
  /** The package that must be installed, or built. */
  needs: string
  /** Needs 10 s and more where others need 1 s: gets fewer runs. */
  slow: boolean
  /** Moves torrents, not only messages. */
  torrents: boolean
  /** The scenarios that it cannot do, with the reason. */
  cannot: Partial<Record<string, string>>
}

export interface Options {
  systems: System[]
  runs: number
  slowRuns: number
  /** Runs of each system's calls. */
  callRuns: number
  peers: number[]
  seconds: number
  /** Seconds before the idle window of many topics. */
  settle: number
  megabytes: number
  /** The WebRTC engines for the messages. */
  engines: EngineName[]
  turns: number
  /** Size of the one large message, in bytes. */
  messageSize: number
  /** Number of small messages. */
  messages: number
  /** The time limit of a run, in milliseconds. */
  limit: number
}

export interface Column {
  title: string
  align?: 'left' | 'right'
}

export interface Result {
  name: string
  title: string
  columns: Column[]
  rows: string[][]
  notes: string[]
  /** All measured values, for `--json`. */
  data: unknown
  /** The values of the runs, for plots and comparisons. */
  series?: Series[]
}

/** The runs of one system in one case. */
export interface Series {
  group: string
  /** The system, with its version. */
  label: string
  unit: string
  values: number[]
  /** The size of the case, where the group shows how a figure grows. */
  at?: { value: number; unit: string }
}

export interface Machine {
  node: string
  platform: string
  arch: string
  cores: number
  cpu: string
  load: number
  /** When the run began. */
  at: string
}

/** What `--json` writes: without what a terminal shows. */
export interface Saved {
  machine: Machine
  figures: Array<Pick<Result, 'name' | 'title' | 'series'> & { data?: unknown }>
}

export interface Scenario {
  title: string
  run(options: Options): Promise<Result | Result[]>
}

/** One end of a call in a page, for any system. */
export interface CallSide {
  start(): void
  stop(): void | Promise<void>
  /** The connections of the end, where the system shows them. */
  peers(): RTCPeerConnection[]
  setStream?(stream: MediaStream): void | Promise<void>
  /** Mutes the video, or sends it again. */
  enable?(on: boolean): void
  want?(demand: 'off' | 'low' | 'high'): boolean
  /** Resolves when the next message may follow. */
  send?(text: string): Promise<void>
  /** Has the library look at its statistics. */
  monitor?(): void
}

export interface CallSenderOptions {
  room: string
  stream: MediaStream
  /** The signal server, if the other end is not in this browser. */
  busUrl?: string
  /** Kilobits per second. */
  videoBitrate?: number
  audioBitrate?: number
  hasMessages?: boolean
  /** A Receiver is gone. */
  gone?: (id: string) => void
}

export interface CallReceiverOptions {
  room: string
  busUrl?: string
  streamed: (id: string, stream: MediaStream) => void
  gone?: (id: string) => void
  heard?: (text: string) => void
}
