/** Test swarms that meet over a bus, without a tracker. */
import { expect } from 'vitest'
import type { World, WorldOptions } from './world.js'

export const BUS: WorldOptions = { hubs: [], buses: [{ latency: 20 }] }

/** Counts the messages of each kind, except the first `since`. */
export function kinds(world: World, since = 0): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { message } of world.bus.heard.slice(since)) counts[message.kind] = (counts[message.kind] ?? 0) + 1
  return counts
}

export async function end(world: World): Promise<void> {
  const drivers = world.nodes.flatMap(node => node.drivers)
  await world.closeAll()
  await world.env.advance(500)
  expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  expect(drivers.map(({ handlers, watchers }) => handlers + watchers)).toEqual(drivers.map(() => 0))
}

/** Calls `each` every `gap` milliseconds for `seconds`. */
export async function flood(world: World, seconds: number, gap: number, each: () => void): Promise<void> {
  for (let at = 0; at < seconds * 1_000; at += gap) {
    each()
    await world.env.advance(gap)
  }
}
