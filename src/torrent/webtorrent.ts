/** The part of WebTorrent 3 that we touch, as narrow shapes: its own type package does not match it. */

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
  addPeer(peer: unknown, source?: string): boolean
  on(event: string, listener: (...values: never[]) => void): unknown
  removeListener(event: string, listener: (...values: never[]) => void): unknown
}

/** A WebTorrent client, as `new WebTorrent()` gives it. */
export interface WebTorrentClient {
  /** The BitTorrent id, hex. */
  readonly peerId: string
  readonly torrents: readonly Torrent[]
  /** Options for the trackers, or `false` where they are off. */
  tracker?: unknown
  readonly destroyed?: boolean | undefined
  on(event: string, listener: (...values: never[]) => void): unknown
  removeListener(event: string, listener: (...values: never[]) => void): unknown
}
