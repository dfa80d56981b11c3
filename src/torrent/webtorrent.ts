/** The part of WebTorrent 3 that swarmlink uses, as narrow types: `@types/webtorrent` does not match WebTorrent 3. */

/** A `bittorrent-protocol` wire. */
export interface Wire {
  readonly peerId: string
  readonly type: string | null
  destroy(): void
}

/** A torrent of a WebTorrent client. */
export interface Torrent {
  /** Hex; absent until the torrent id is parsed. */
  readonly infoHash?: string | undefined
  readonly announce?: string[] | undefined
  /** Absent until the metadata is known. */
  readonly private?: boolean | undefined
  readonly paused: boolean
  readonly destroyed?: boolean | undefined
  readonly done: boolean
  readonly length?: number | undefined
  readonly downloaded: number
  readonly uploaded: number
  readonly wires: readonly Wire[]
  /** The `Discovery` that finds peers; absent before the start and after destruction. */
  readonly discovery?: unknown
  addPeer(peer: unknown, source?: string): boolean
  on(event: string, listener: (...values: never[]) => void): unknown
  removeListener(event: string, listener: (...values: never[]) => void): unknown
}

/** A WebTorrent client as a parameter: requires no more than `@types/webtorrent` declares. */
export interface WebTorrentClient {
  /** The BitTorrent id, hex. */
  readonly peerId?: string | undefined
  readonly torrents: ReadonlyArray<Pick<Torrent, 'infoHash'>>
  /** Options for the trackers, or `false` where they are off. */
  tracker?: unknown
  readonly destroyed?: boolean | undefined
  on(event: string, listener: () => void): unknown
  removeListener(event: string, listener: () => void): unknown
}

/** The fields that a WebTorrent 3 client really has. */
export interface Client extends WebTorrentClient {
  readonly peerId: string
  readonly torrents: readonly Torrent[]
  on(event: string, listener: (...values: never[]) => void): unknown
  removeListener(event: string, listener: (...values: never[]) => void): unknown
}
