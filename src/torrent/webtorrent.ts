/** The part of WebTorrent 3 that we touch, as narrow shapes: the types that others wrote for it do not match it. */

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
  /** Finds its peers; absent before it begins and after it was destroyed. */
  readonly discovery?: unknown
  addPeer(peer: unknown, source?: string): boolean
  on(event: string, listener: (...values: never[]) => void): unknown
  removeListener(event: string, listener: (...values: never[]) => void): unknown
}

/** A WebTorrent client with whatever types it has: no more is asked for than `@types/webtorrent` knows. */
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

/** What such a client has in truth. */
export interface Client extends WebTorrentClient {
  readonly peerId: string
  readonly torrents: readonly Torrent[]
  on(event: string, listener: (...values: never[]) => void): unknown
  removeListener(event: string, listener: (...values: never[]) => void): unknown
}
