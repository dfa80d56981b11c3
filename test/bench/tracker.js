// @ts-check
/** The tracker of a run, in a process of its own: an unchanged bittorrent-tracker, with every frame counted. */
// @ts-ignore -- ships no types
import { Server } from 'bittorrent-tracker'
import { serveChild, now, tell } from './child.js'

/** @typedef {import('./types.js').TrackerSample} TrackerSample */

/** @type {TrackerSample} */
const counts = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, announces: 0, offers: 0, answers: 0, sockets: 0, topics: 0 }
const server = new Server({ udp: false, http: false, ws: true, stats: false })

server.on('error', (/** @type {Error} */ error) => tell({ type: 'failed', message: error.message }))
server.on('warning', () => {})
server.ws.on('connection', countFrames)
for (const event of ['start', 'update', 'complete', 'stop']) server.on(event, countAnnounce)

/** @param {import('ws').WebSocket} socket */
function countFrames(socket) {
  counts.sockets++
  socket.on('close', () => counts.sockets--)
  socket.on('message', (/** @type {Buffer} */ data) => {
    counts.framesIn++
    counts.bytesIn += data.length
  })
  const send = socket.send.bind(socket)
  /** @param {[string, ...unknown[]]} args */
  socket.send = (...args) => {
    counts.framesOut++
    counts.bytesOut += Buffer.byteLength(args[0])
    Reflect.apply(send, undefined, args)
  }
}

/** @param {string} peerId @param {{ offers?: unknown[], answer?: unknown }} announce */
function countAnnounce(peerId, announce) {
  if (announce.answer) {
    counts.answers++
    return
  }
  counts.announces++
  counts.offers += announce.offers?.length ?? 0
  tell({ type: 'announced', at: now(), peerId })
}

serveChild({
  prepare: options =>
    new Promise(resolve => {
      const { port } = /** @type {{ port: number }} */ (options)
      server.listen(port, '127.0.0.1', () => resolve(server.http.address().port))
    }),
  start: () => {},
  sample: () => ({ ...counts, topics: Object.keys(/** @type {any} */ (server).torrents).length }),
  stop: () => {},
})
