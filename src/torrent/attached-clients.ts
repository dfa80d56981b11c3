/** The WebTorrent clients that have a manager. A second one is refused: the two would connect to each other. */
import { hasMethods, invalid } from '../core/arguments.js'
import { SwarmlinkError } from '../core/errors.js'
import type { Client, WebTorrentClient } from './webtorrent.js'

const attached = new WeakSet<WebTorrentClient>()

/** Throws for what is no WebTorrent client, or one that is destroyed or has a manager. */
export function checkClient(client: WebTorrentClient): asserts client is Client {
  const looksRight =
    hasMethods(client, ['on', 'removeListener']) && typeof client.peerId === 'string' && Array.isArray(client.torrents)
  if (!looksRight) throw invalid('the first argument', 'a WebTorrent client', client)
  if (client.destroyed === true)
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this WebTorrent client is destroyed: make a new one')
  if (attached.has(client))
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this WebTorrent client has a ConnectionManager already: destroy it first')
}

/** Returns the function that detaches. */
export function attach(client: WebTorrentClient): () => void {
  attached.add(client)
  return () => attached.delete(client)
}
