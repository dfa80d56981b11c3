import { describe, expect, test } from 'vitest'
import * as links from '../../../src/room/links.js'
import type { P2PTMessage } from '../../../src/room/p2pt-link.js'
import { seal } from '../../../src/room/p2pt-envelope.js'
import type { P2PTPeer } from '../../../src/room/p2pt-peer.js'
import { Sessions } from '../../../src/room/p2pt-sessions.js'
import { World, type Node, type NodeOptions, type WorldOptions } from '../swarm/world.js'

interface Member {
  node: Node
  sessions: Sessions
  /** Who came and who left, in their order. */
  events: string[]
  heard: Array<[P2PTPeer, P2PTMessage]>
  warnings: string[]
}

class Party {
  readonly world: World
  readonly members: Member[] = []

  constructor(options?: WorldOptions) {
    this.world = new World(options)
  }

  join(options?: NodeOptions): Member {
    const node = this.world.join(options)
    const sessions = new Sessions(node.swarm, { env: this.world.env, requestTimeout: 30_000, maxJsonSize: 1024 * 1024, links })
    const member: Member = { node, sessions, events: [], heard: [], warnings: [] }
    sessions.on('peerconnect', ({ id }) => member.events.push(`+${id}`))
    sessions.on('peerclose', ({ id }) => member.events.push(`-${id}`))
    sessions.on('msg', (...args) => member.heard.push(args))
    sessions.on('warning', error => member.warnings.push(error.code))
    this.members.push(member)
    return member
  }

  async met(...members: Member[]): Promise<void> {
    await this.world.env.until(() => members.every(({ sessions }) => sessions.peers.length === members.length - 1))
  }
}

function only<T>(items: T[]): T {
  const [item, more] = items
  if (item === undefined || more !== undefined) throw new Error(`there are ${items.length} instead of one`)
  return item
}

describe('E2 a room', () => {
  test('connects each two once, whatever number of trackers, and though all call at once', async () => {
    const party = new Party({ hubs: [{ name: 'a' }, { name: 'b', latency: 30 }, { name: 'c', latency: 1 }] })
    const members = Array.from({ length: 6 }, () => party.join())
    await party.met(...members)
    await party.world.env.advance(300_000)
    for (const { node, sessions, events } of members) {
      const others = members.map(member => member.node.announceId).filter(id => id !== node.announceId)
      expect(events.toSorted()).toEqual(others.map(id => `+${id}`).toSorted())
      expect(sessions.peers.map(({ ours, connected }) => [ours, connected])).toEqual(others.map(() => [true, true]))
    }
    await party.world.closeAll()
  })

  test('loses a member once, and meets it again when it comes back', async () => {
    const party = new Party()
    const stays = party.join()
    const leaves = party.join()
    const { announceId } = leaves.node
    await party.met(stays, leaves)
    await leaves.node.close()
    await party.world.env.until(() => stays.events.length === 2)
    const returns = party.join({ announceId })
    await party.met(stays, returns)
    await returns.node.close()
    await party.world.env.until(() => stays.events.length === 4)
    expect(stays.events).toEqual([`+${announceId}`, `-${announceId}`, `+${announceId}`, `-${announceId}`])
    await party.world.closeAll()
  })

  test('does not meet again at once whom the application turned away', async () => {
    const party = new Party()
    const [one, other] = [party.join(), party.join()]
    await party.met(one, other)
    only(one.sessions.peers).destroy()
    await party.world.env.until(() => other.events.length === 2)
    expect([one.events.length, one.sessions.peers, other.sessions.peers]).toEqual([2, [], []])
    await party.world.env.advance(20_000)
    expect(one.events).toHaveLength(2)
    await party.world.env.until(() => one.sessions.peers.length === 1, 600_000) // it may come again
    await party.world.closeAll()
  })

  test('E3 E4 carries talks, texts and bytes of any size between two of ours', async () => {
    const party = new Party()
    const [one, other] = [party.join(), party.join()]
    await party.met(one, other)
    other.sessions.on('msg', (peer, message) => void peer.respond(message))
    const large = new Uint8Array(3_000_000).fill(7)
    const answers: P2PTMessage[] = []
    const nested = { name: 'x.bin', parts: [Uint8Array.of(3), { last: new Uint8Array(0) }] }
    const messages: P2PTMessage[] = ['', 0, null, { a: ['ж'] }, new Uint8Array(), Uint8Array.of(1, 2), large, nested]
    for (const message of messages)
      void only(one.sessions.peers)
        .send(message)
        .then(([, answer]) => answers.push(answer))
    await party.world.env.until(() => answers.length === messages.length)
    expect(answers.filter(answer => answer instanceof Uint8Array).map(({ length }) => length)).toEqual([0, 2, 3_000_000])
    expect(answers.filter(answer => !(answer instanceof Uint8Array))).toEqual(['', 0, null, { a: ['ж'] }, nested])
    await party.world.closeAll()
  })

  test('E3 numbers its messages so that questions of both sides are never taken for answers', async () => {
    const party = new Party()
    const [one, other] = [party.join(), party.join()]
    await party.met(one, other)
    for (let i = 0; i < 3; i++) {
      void only(one.sessions.peers).send(`question ${i}`)
      void only(other.sessions.peers).send(`question ${i}`)
    }
    await party.world.env.advance(1_000)
    const questions = ['question 0', 'question 1', 'question 2']
    for (const { heard } of [one, other]) expect(heard.map(([, message]) => message)).toEqual(questions)
    await party.world.closeAll()
  })

  test('E3 tells those who wait when the peer goes', async () => {
    const party = new Party()
    const [one, other] = [party.join(), party.join()]
    await party.met(one, other)
    const waiting = only(one.sessions.peers)
      .send('question')
      .catch((error: unknown) => error)
    await party.world.env.advance(1_000)
    await other.node.close()
    await party.world.env.until(() => one.events.length === 2)
    expect(await waiting).toMatchObject({ code: 'ERR_CLOSED' })
    await party.world.closeAll()
  })

  test('lets go of a peer that closes its message channel and nothing else', async () => {
    const party = new Party()
    const room = party.join()
    const other = party.world.join()
    other.swarm.on('connection', connection => connection.on('connect', () => void connection.close()))
    await party.world.env.until(() => room.events.length === 2)
    expect([room.events, room.node.swarm.peers]).toEqual([[`+${other.announceId}`, `-${other.announceId}`], []])
    await party.world.closeAll()
  })

  test('Law 6 takes a peer of ours that speaks something else for what it is: dropped, told once', async () => {
    const party = new Party()
    const room = party.join()
    const other = party.world.join()
    other.swarm.on('connection', connection => {
      connection.on('connect', () => {
        for (let i = 0; i < 50; i++) connection.send({ hello: i })
        connection.send(seal({ id: 1, re: undefined, message: 'in an envelope' }))
      })
    })
    await party.world.env.until(() => room.heard.length === 1)
    expect(room.heard[0]?.[1]).toBe('in an envelope')
    expect(room.warnings).toEqual(['ERR_BAD_FRAME'])
    expect(room.sessions.get(other.announceId)?.dropped).toEqual({ 'bad-envelope': 50 })
    await party.world.closeAll()
  })

  test('Law 5 leaves nothing behind, with questions open on both sides', async () => {
    const party = new Party()
    const members = [party.join(), party.join(), party.join()]
    await party.met(...members)
    for (const { sessions } of members) for (const peer of sessions.peers) void peer.send('question')
    await party.world.env.advance(50)
    await party.world.closeAll()
    await party.world.env.advance(200)
    expect(members.map(({ events }) => events.length)).toEqual([4, 4, 4])
    expect([party.world.net.alive, party.world.env.pendingTimers]).toEqual([0, 0])
  })
})
