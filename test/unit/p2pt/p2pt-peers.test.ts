import { describe, expect, test } from 'vitest'
import { P2PTPeer } from '../../../src/p2pt/p2pt-peer.js'
import type { Remote } from '../../../src/peer/remote-peer.js'
import { peersOf, type RoomMember } from '../../../src/p2pt/p2pt-peers.js'

const TRACKERS = ['wss://one.example', 'wss://two.example']

class FakeMember implements RoomMember {
  readonly endedChannels = new Set<string>()
  readonly peer = new P2PTPeer(this)
  readonly id: string
  readonly remote: Remote
  readonly sent: unknown[] = []
  open = true

  constructor(id: string) {
    this.id = id
    this.remote = { announceId: id, peerId: id, isSwarmlink: true, verified: true }
  }

  send(message: unknown): Promise<[P2PTPeer, string]> {
    this.sent.push(message)
    return Promise.resolve([this.peer, 'answer'])
  }

  respond(message: unknown): Promise<[P2PTPeer, string]> {
    return this.send(message)
  }

  end(): void {
    this.open = false
  }
}

const members = () => [new FakeMember('ab'.repeat(20)), new FakeMember('12'.repeat(20))] as const

describe('p2pt.peers [E1]', () => {
  test('can be read as a list in every usual way [E1]', () => {
    const [one, other] = members()
    const peers = peersOf([one, other], TRACKERS)
    expect([peers.length, peers[0], peers[1], peers[2]]).toEqual([2, one.peer, other.peer, undefined])
    expect([...peers]).toEqual([one.peer, other.peer])
    expect(peers.map(({ id }) => id)).toEqual([one.id, other.id])
    expect(peers.filter(({ id }) => id === other.id)).toEqual([other.peer])
    expect([Array.isArray(peers), peers.includes(one.peer), peers.at(-1)]).toEqual([true, true, other.peer])
    expect(peers.concat([one.peer])).toEqual([one.peer, other.peer, one.peer])
    expect(peersOf([], TRACKERS)).toEqual([])
  })

  test('can be read as the object of the package, from ids to channels, one per tracker [E1]', async () => {
    const [one, other] = members()
    const peers = peersOf([one, other], TRACKERS)
    expect(Object.keys(peers)).toEqual([one.id, other.id])
    const found: string[] = []
    // oxlint-disable-next-line typescript/no-for-in-array -- as users of the package do
    for (const id in peers) found.push(id)
    expect(found).toEqual([one.id, other.id])
    expect(Object.keys(peers[one.id] ?? {})).toEqual(TRACKERS)
    const channel = peers[one.id]?.['wss://one.example']
    expect([channel?.id, channel?.connected, channel instanceof P2PTPeer]).toEqual([one.id, true, true])
    expect(await channel?.send('x')).toEqual([one.peer, 'answer'])
    expect([one.sent, other.sent]).toEqual([['x'], []])
    expect(Object.keys(peersOf([one], [])[one.id] ?? {})).toEqual(['swarmlink'])
    expect(peers['not there']).toBeUndefined()
  })

  test('keeps the connection while one channel is left, and closes it with the last [E1]', () => {
    const [one, other] = members()
    const channels = peersOf([one, other], TRACKERS)[one.id] ?? {}
    const [first, second] = Object.values(channels)
    first?.destroy()
    first?.destroy()
    expect([one.open, first?.connected, second?.connected]).toEqual([true, false, true])
    expect(Object.keys(peersOf([one], TRACKERS)[one.id] ?? {})).toEqual(['wss://two.example'])
    second?.destroy()
    expect([one.open, second?.connected, other.open]).toEqual([false, false, true])
  })
})
