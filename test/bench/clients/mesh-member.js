// @ts-check
/** A member of a mesh, which notes when each broadcast arrived. */
import { createMesh } from 'swarmlink/mesh'
import { now } from '../child.js'
import { serve } from './client.js'

/** @typedef {{ name: 'post', text: string } | { name: 'arrived', text: string } | { name: 'burst', count: number } | { name: 'heard' } | { name: 'look' }} MeshTask */

const TOPIC = 'bench'
const BURST = 'burst'

serve(async (options, report) => {
  const { trackerUrl, maxPeers = 5 } = /** @type {{ trackerUrl: string, maxPeers?: number }} */ (/** @type {unknown} */ (options)) // of a mesh scenario
  const mesh = await createMesh({ transport: trackerUrl, name: 'bench', maxPeers, iceServers: [] })
  /** @type {Map<string, { at: number, hops: number }>} */
  const arrivals = new Map()
  let next = 0
  let wrong = 0
  let memory = 0
  let lastAt = 0
  mesh.on('peer:connect', id => report.linked(id))
  mesh.on('peer:disconnect', id => report.unlinked(id))
  mesh.subscribe(TOPIC, ({ data, hops = 0 }) => void arrivals.set(/** @type {string} */ (data), { at: now(), hops }))
  mesh.subscribe(BURST, ({ data }) => {
    if (data !== next) wrong++
    next = Number(data) + 1
    lastAt = now()
    if (next % 1_000 === 0) memory = Math.max(memory, process.memoryUsage.rss())
  })

  return {
    start: () => void mesh.join(),
    ask: async task => {
      const wanted = /** @type {MeshTask} */ (task)
      switch (wanted.name) {
        case 'post': {
          const at = now()
          void mesh.sendBroadcast(TOPIC, wanted.text)
          return at
        }
        case 'arrived':
          return arrivals.get(wanted.text)
        case 'burst': {
          const at = now()
          for (let i = 0; i < wanted.count; i++) {
            await mesh.sendBroadcast(BURST, i)
            if (i % 1_000 === 0) memory = Math.max(memory, process.memoryUsage.rss())
          }
          return { at, took: now() - at, memory }
        }
        case 'heard':
          return { next, wrong, memory, lastAt, counts: mesh.getStats()?.counts }
        case 'look':
          return { id: mesh.peerId, peers: mesh.peers, size: mesh.size, stats: mesh.getStats() }
      }
    },
    stop: () => mesh.leave(),
  }
})
