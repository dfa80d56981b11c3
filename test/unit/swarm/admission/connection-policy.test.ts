import { describe, expect, test } from 'vitest'
import type { Id } from '../../../../src/core/id.js'
import type { TopicPeer } from '../../../../src/peer/topic-peer.js'
import type { CreatePolicy } from '../../../../src/swarm/admission/connection-policy.js'
import { PeerSlots } from '../../../../src/swarm/admission/peer-slots.js'
import { World } from '../../../simulate/world.js'

const BUS = { hubs: [], buses: [{}] }

/** Fills slots, but dials and accepts only these peers. */
function only(wanted: () => ReadonlySet<Id>): CreatePolicy {
  return deps => {
    class Chosen extends PeerSlots {
      override dials(remote: Id): boolean {
        return wanted().has(remote)
      }

      override acceptsOffer(remote: Id, alone: boolean): boolean {
        return wanted().has(remote) && super.acceptsOffer(remote, alone)
      }
    }
    return new Chosen(deps)
  }
}

describe('a swarm with a ConnectionPolicy of its own', () => {
  test('connects to the peers that the policy dials and accepts, and to no other [C5]', async () => {
    const world = new World(BUS)
    const wanted = new Set<Id>()
    const chooser = world.join({ policy: only(() => wanted) })
    const others = world.joinMany(4)
    const [first, second] = others.map(({ announceId }) => announceId)
    for (const id of [first, second]) if (id !== undefined) wanted.add(id)
    await world.env.advance(30_000)
    expect(new Set(chooser.swarm.peers.map(({ remote }) => remote.announceId))).toEqual(wanted)
    expect(chooser.swarm.peers).toHaveLength(2)
    expect(world.missingLinks(others)).toBe(0)
    await world.closeAll()
  })

  test('evicts the peer that the policy names when one more connects [C5]', async () => {
    const world = new World(BUS)
    const leaving = new Set<Id>()
    const policy: CreatePolicy = deps => {
      class Evicting extends PeerSlots {
        /** Always one more: another peer goes for it. */
        override get left(): number {
          return 1
        }

        override acceptsOffer(): boolean {
          return true
        }

        override evicts(): TopicPeer | undefined {
          return this.over ? deps.registry.peers().find(({ remote }) => leaving.has(remote.announceId)) : undefined
        }
      }
      return new Evicting(deps)
    }
    const full = world.join({ policy, limits: { maxPeers: 1 } })
    leaving.add(world.join().announceId)
    await world.env.until(() => full.swarm.peers.length === 1)
    const second = world.join()
    await world.env.until(() => full.swarm.peers.some(({ remote }) => remote.announceId === second.announceId))
    expect(full.swarm.peers).toHaveLength(1)
    await world.closeAll()
  })
})
