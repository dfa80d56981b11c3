/** What the processes of a benchmark say to one another, and what a scenario hands back. */

export interface Topic {
  /** The room name, for systems that know no torrents. */
  name: string
  infoHash: string
  /** The .torrent file, base64, without any tracker in it. */
  torrent: string
  size: number
}

export interface ClientOptions {
  trackerUrl: string
  topic: Topic
  /** Further torrents. A link is then named after its torrent as well. */
  further?: Topic[]
  /** A seeder holds the data from the beginning. */
  seeder: boolean
  /** Which WebRTC to use, where the system leaves the choice; node-datachannel otherwise. */
  engine?: EngineName
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
  /** Does what only some scenarios want done, and says what came of it. */
  ask?(task: unknown): Promise<unknown>
}

/** Connections of one process. NaN where nothing can be seen. */
export interface ConnectionCounts {
  /** Begun by this process, whether their offer was ever sent or not. */
  begun: number
  /** Made by this process, for an offer of its own or for one that came. */
  made: number
  connected: number
  /** UDP sockets, one for each that lives: connected, on its way, or an idle offer. */
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
}

export type ToChild =
  | { type: 'prepare'; options: unknown }
  | { type: 'start' }
  | { type: 'sample'; number: number }
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

/** What a client of ours is asked to do, for a swarm that has no tracker. */
export type HandTask = { name: 'who' } | { name: 'invite' } | { name: 'connect'; signal: string }

/** What a client of the messages is asked to do: first the receiver, then the sender; then both are asked what came of it. */
export type MessageTask = { name: 'receive'; work: Work } | { name: 'send'; work: Work } | { name: 'end' } | Handshake

/** How two bare connections find each other, over the harness. */
export type Handshake = { name: 'offer' } | { name: 'answer'; sdp: string } | { name: 'accept'; sdp: string }

/** What one end of a connection with many channels is asked: to connect, to send from now on, to say what has arrived since it was asked last. */
export type FairnessTask =
  | { name: 'offer'; busy: number; inTurns: boolean }
  | { name: 'answer'; sdp: string }
  | { name: 'accept'; sdp: string }
  /** `gap`: milliseconds between two small messages, 0 for none. */
  | { name: 'send'; gap: number }
  | { name: 'count' }

export interface FairnessCount {
  ms: number
  /** Of each busy channel. */
  bytes: number[]
  /** Milliseconds that each small message was on its way. */
  times: number[]
}

export type Work =
  /** `count` messages of `size` bytes. `piece`: what the bare channel cuts them into. */
  | { kind: 'large'; size: number; count: number; piece: number }
  /** `size` bytes that neither side ever holds. */
  | { kind: 'stream'; size: number }
  /** `count` JSON messages of about 100 bytes. */
  | { kind: 'small'; count: number }
  /** `count` questions, one after the other. */
  | { kind: 'request'; count: number }
  /** A large message, and a small one every `gap` milliseconds until it has arrived. */
  | { kind: 'mixed'; size: number; piece: number; gap: number }

/** What one side says of a piece of work. */
export interface Outcome {
  /** The sender's beginning, the receiver's end. */
  at: Instant
  /** Milliseconds of CPU, user and system together, on all threads. */
  cpu: number
  /** Bytes of resident memory, and of array buffers among them, at their most above what there was at the beginning. */
  memory: number
  arrayBuffers: number
  /** What was sent or received, as its SHA-256. */
  hash?: string
  /** Milliseconds: how long each question took, or each small message was on its way. */
  times?: number[]
}

/** One end of a connection to one peer, whatever the system. Nothing is measured in here. */
export interface Carrier {
  /** Hands one JSON value over. False: the sender should wait for `room`, asked for in the same turn. */
  post(value: object): boolean
  room(): Promise<void>
  /** Bytes in the form in which this system sends them. */
  form?(bytes: Uint8Array): Uint8Array | string
  /** Hands one message over, whole or in pieces. Resolves when the next may follow. */
  sendLarge(message: Uint8Array | string, piece: number): Promise<void>
  /** Everything that arrives from now on: values, and bytes whole or in pieces. */
  listen(receive: (message: unknown) => void): void
  /** Asks the remote, which answers with what it was asked. */
  request?(): Promise<void>
  /** Answers from now on; `answered` is told of each. */
  answer?(answered: () => void): void
  stream?(source: Iterable<Uint8Array>): Promise<void>
  /** Resolves at the end of the next stream. */
  readStream?(read: (bytes: Uint8Array) => void): Promise<void>
}

export interface System {
  name: 'swarmlink' | 'webtorrent' | 'p2pt' | 'trystero'
  label: string
  /** What has to be installed, or built, for it to run. */
  needs: string
  /** Needs ten seconds and more for what others do in one: gets fewer runs. */
  slow: boolean
  /** Moves torrents, not only messages. */
  torrents: boolean
}

export interface Options {
  systems: System[]
  runs: number
  slowRuns: number
  peers: number[]
  seconds: number
  megabytes: number
  /** Which WebRTC the messages travel on. */
  engines: EngineName[]
  turns: number
  /** Size of the one large message, in bytes. */
  messageSize: number
  /** How many small messages. */
  messages: number
  /** How long a run may take before it is given up, in milliseconds. */
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
  /** Every single figure, for `--json`. */
  data: unknown
}

export interface Scenario {
  title: string
  run(options: Options): Promise<Result | Result[]>
}
