// @ts-check
/** Rooms of swarmlink without WebTorrent. They share the connections and the tracker sockets of the first. */
import { P2PT } from 'swarmlink/room'
import { serve } from './client.js'

serve(({ trackerUrl, topic, further = [] }, report) => {
  const first = new P2PT([trackerUrl], topic.name, { iceServers: [] })
  const rooms = [first, ...further.map(({ name }) => new P2PT([trackerUrl], name, { shareWith: first }))]
  for (const room of rooms) room.on('peerconnect', peer => report.linked(`${room.infoHash} ${peer.id}`))
  return {
    start: async () => void (await Promise.all(rooms.map(room => room.start()))),
    stop: async () => {
      for (const room of rooms.toReversed()) await room.destroy()
    },
  }
})
