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
  /** A seeder holds the data from the beginning. */
  seeder: boolean
}

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
}

export interface ClientSample {
  at: Instant
  /** Microseconds of CPU, user and system together. */
  cpu: number
  memory: number
  /** Connections that this process began, whether their offer was ever sent or not. Only node-datachannel's can be seen. */
  begun: number
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
  | { type: 'stop' }

export type FromChild =
  | { type: 'ready'; at: Instant; port?: number }
  | { type: 'started'; at: Instant }
  | { type: 'linked'; at: Instant; remote: string; kind: string }
  | { type: 'unlinked'; at: Instant; remote: string }
  | { type: 'finished'; at: Instant }
  | { type: 'announced'; at: Instant; peerId: string }
  | { type: 'sample'; number: number; sample: ClientSample | TrackerSample }
  | { type: 'failed'; message: string }

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
  run(options: Options): Promise<Result>
}
