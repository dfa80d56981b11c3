// @ts-check
/** One member of a mesh as a process of its own, with a channel to the process that started it. It ends without that channel. */
import { createMesh } from 'swarmlink/mesh'
import { messageOf } from './program.js'

/** @typedef {{ transport: string, name: string, maxPeers: number }} Task */
/** @typedef {{ number: number, sentAt: number }} Content What each broadcast of this demo says. */
/**
 * @typedef {(
 *   | { type: 'joined', peerId: string }
 *   | { type: 'edges', peers: string[] }
 *   | { type: 'size', size: number }
 *   | { type: 'heard', number: number, ms: number, hops: number }
 *   | { type: 'warned', text: string }
 *   | { type: 'stopped' }
 *   | { type: 'failed', message: string }
 * )} Told
 */

const TOPIC = 'demo'
/** How often the number of members is read. In ms. */
const COUNT_INTERVAL = 200

process.on('disconnect', () => process.exit(1))
if (!process.connected) process.exit(1) // the parent process went while this one was loaded
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {}) // the parent process decides

/** The channel may break while sending. Then this process is about to end anyway. @param {Told} told */
const tell = told => process.connected && process.send?.(told, undefined, undefined, () => {})

/** A clock that the processes of this machine have in common, in ms. */
const now = () => Number(process.hrtime.bigint()) / 1e6

try {
  /** @type {Task} */
  const { transport, name, maxPeers } = JSON.parse(process.argv[2] ?? '')
  /** @type {import('swarmlink/mesh').Mesh<Content, Content>} */
  const mesh = await createMesh({ transport, name, maxPeers, iceServers: [] })
  const tellEdges = () => tell({ type: 'edges', peers: mesh.peers })
  mesh.on('peer:connect', tellEdges)
  mesh.on('peer:disconnect', tellEdges)
  mesh.on('warning', ({ message }) => tell({ type: 'warned', text: message }))
  mesh.subscribe(TOPIC, ({ data: { number, sentAt }, hops = 0 }) => tell({ type: 'heard', number, hops, ms: now() - sentAt }))
  let counted = 1
  const counting = setInterval(() => {
    if (counted !== mesh.size) tell({ type: 'size', size: (counted = mesh.size) })
  }, COUNT_INTERVAL)
  const stop = async () => {
    clearInterval(counting)
    await mesh.leave()
    tell({ type: 'stopped' })
    process.disconnect()
  }
  process.on('message', (/** @type {{ broadcast?: number, stop?: boolean }} */ order) => {
    if (order.broadcast !== undefined) void mesh.sendBroadcast(TOPIC, { number: order.broadcast, sentAt: now() })
    if (order.stop === true) void stop()
  })
  await mesh.join()
  tell({ type: 'joined', peerId: mesh.peerId })
} catch (error) {
  tell({ type: 'failed', message: messageOf(error) })
}
