// @ts-check
/** What the benchmarks of meshes have in common: members in processes, their broadcasts, and what is waited for. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './child.js'
import { untilAny } from './processes.js'

/** @typedef {import('./processes.js').ClientProcess} ClientProcess */
/** @typedef {{ id: string, peers: string[], size: number, stats: import('swarmlink/mesh').MeshStats }} Look */

export const MEMBERS = 50
export const MAX_PEERS = 5
/** Between broadcasts. In ms. */
export const GAP = 500
const LOOK = 200
export const ASK_LIMIT = 20_000

/** Members whose processes wait for the start. @param {import('./harness.js').Lab} lab @returns {Promise<ClientProcess[]>} */
export async function startMembers(lab) {
  const { url: trackerUrl } = await lab.tracker()
  /** @type {ClientProcess[]} */
  const all = []
  for (let i = 0; i < MEMBERS; i++) all.push(await lab.process('clients/mesh-member.js', { trackerUrl, maxPeers: MAX_PEERS }))
  return all
}

/** @param {ClientProcess[]} all @returns {Promise<Look[]>} */
export async function looksOf(all) {
  return /** @type {Look[]} */ (await Promise.all(all.map(member => member.ask({ name: 'look' }, ASK_LIMIT)))) // of the client
}

/** Milliseconds until the last other member has the broadcast, and its hops. @param {ClientProcess} sender @param {ClientProcess[]} members @param {string} text @param {number} limit */
export async function post(sender, members, text, limit) {
  const at = Number(await sender.ask({ name: 'post', text }, ASK_LIMIT))
  await sleep(GAP) // questions would compete with the broadcast for the cores
  const arrivals = await Promise.all(
    members
      .filter(member => member !== sender)
      .map(async member => {
        for (const deadline = Date.now() + limit; Date.now() < deadline; await sleep(LOOK)) {
          const arrival = await member.ask({ name: 'arrived', text }, ASK_LIMIT)
          if (arrival !== undefined) return /** @type {{ at: number, hops: number }} */ (arrival)
        }
        return { at: Infinity, hops: Infinity }
      }),
  )
  const times = arrivals.map(arrival => arrival.at - at)
  return { times, last: Math.max(...times), hops: Math.max(...arrivals.map(arrival => arrival.hops)) }
}

/** The ids that the first of them reaches over the connections among them. @param {Look[]} looks @returns {Set<string>} */
export function pieceOf(looks) {
  const all = new Map(looks.map(({ id, peers }) => [id, peers]))
  const piece = new Set([looks[0]?.id ?? ''])
  for (const id of piece) for (const peer of all.get(id) ?? []) if (all.has(peer)) piece.add(peer)
  return piece
}

/** The time at which all looks fitted; Infinity if they never did. @param {ClientProcess[]} members @param {(look: Look) => boolean} fits @param {number} limit */
export async function polled(members, fits, limit) {
  for (const deadline = Date.now() + limit; Date.now() < deadline; await sleep(LOOK)) {
    if ((await looksOf(members)).every(look => fits(look))) return now()
  }
  return Infinity
}

/** The time at which the condition held. @param {ClientProcess[]} clients @param {() => boolean} isSo @param {number} limit */
export async function moment(clients, isSo, limit) {
  return await untilAny(clients, () => (isSo() ? now() : undefined), limit, 'the mesh')
}
