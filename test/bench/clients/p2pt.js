// @ts-check
/** P2PT: rooms over WebTorrent trackers. */
import P2PT from 'p2pt'
import { serve } from './client.js'

serve(({ trackerUrl, topic }, report) => {
  const p2pt = new P2PT([trackerUrl], topic.name)
  p2pt.on('peerconnect', peer => report.linked(peer.id))
  p2pt.on('peerclose', peer => report.unlinked(peer.id))
  return {
    start: () => void p2pt.start(),
    stop: () => p2pt.destroy(),
  }
})
