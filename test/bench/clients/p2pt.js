// @ts-check
/** P2PT: rooms over WebTorrent trackers. */
import P2PT from 'p2pt'
import { serve } from './client.js'

serve(({ trackerUrl, topic, further }, report) => {
  const rooms = [topic, ...(further ?? [])].map(({ name }) => {
    const p2pt = new P2PT([trackerUrl], name)
    /** @param {string} id */
    const remote = id => (further ? `${name} ${id}` : id)
    p2pt.on('peerconnect', peer => report.linked(remote(peer.id)))
    p2pt.on('peerclose', peer => report.unlinked(remote(peer.id)))
    return p2pt
  })
  return {
    start: () => {
      for (const room of rooms) void room.start()
    },
    stop: () => {
      for (const room of rooms) room.destroy()
    },
  }
})
