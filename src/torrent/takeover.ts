/** Lets WebTorrent's own WebSocket trackers rest while we are attached: two clients on one tracker would meet themselves. */
import type { WebTorrentClient } from './webtorrent.js'

/**
 * Torrents that start discovery from now on leave their WebSocket trackers to us; DHT, UDP and HTTP trackers, LSD and PEX
 * stay. The function that comes back puts the setting back as it was.
 */
export function takeOver(client: WebTorrentClient): () => void {
  const { tracker } = client
  if (typeof tracker !== 'object' || tracker === null) return () => {} // all its trackers are off already
  // Another object, because the client's own may be shared with other clients, and is the application's.
  const resting = { ...tracker, wrtc: false }
  client.tracker = resting
  return () => {
    if (client.tracker === resting) client.tracker = tracker
  }
}
