import { describe, expect, test } from 'vitest'
import * as messengers from '../../../src/p2pt/lazy-messengers.js'
import type { P2PTMessage } from '../../../src/p2pt/room-messenger.js'
import { seal } from '../../../src/p2pt/envelope.js'
import type { P2PTPeer } from '../../../src/p2pt/p2pt-peer.js'
import { P2PTSessions } from '../../../src/p2pt/p2pt-sessions.js'
import { World, type Node, type NodeOptions, type WorldOptions } from '../../simulate/world.js'

interface Member {
  node: Node
  sessions: P2PTSessions
  /** `+id` for a connected peer, `-id` for a disconnected one. */
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
    const sessions = new P2PTSessions(node.swarm, {
      env: this.world.env,
      requestTimeout: 30_000,
      maxJsonSize: 1024 * 1024,
      messengers,
    })
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

describe('P2PTSessions [E2]', () => {
  test('connects each pair once, with any number of trackers, although all dial at once', async () => {
    const party = new Party({ hubs: [{ name: 'a' }, { name: 'b', latency: 30 }, { name: 'c', latency: 1 }] })
    const members = Array.from({ length: 6 }, () => party.join())
    await party.met(...members)
    await party.world.env.advance(300_000)
    for (const { node, sessions, events } of members) {
      const others = members.map(member => member.node.announceId).filter(id => id !== node.announceId)
      expect(events.toSorted()).toEqual(others.map(id => `+${id}`).toSorted())
      expect(sessions.peers.map(({ isSwarmlink, connected }) => [isSwarmlink, connected])).toEqual(others.map(() => [true, true]))
    }
    await party.world.closeAll()
  })

  test('reports peerclose once, and peerconnect when the member comes back', async () => {
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

  test('avoids a peer that the application disconnected', async () => {
    const party = new Party()
    const [one, other] = [party.join(), party.join()]
    await party.met(one, other)
    only(one.sessions.peers).destroy()
    await party.world.env.until(() => other.events.length === 2)
    expect([one.events.length, one.sessions.peers, other.sessions.peers]).toEqual([2, [], []])
    await party.world.env.advance(20_000)
    expect(one.events).toHaveLength(2)
    await party.world.env.until(() => one.sessions.peers.length === 1, 600_000) // it may connect again later
    await party.world.closeAll()
  })

  test('carries answers, texts and bytes of any size between two swarmlink peers [E3] [E4]', async () => {
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

  test('does not take a message for an answer when both sides use the same ids [E3]', async () => {
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

  test('rejects waiting promises when the peer disconnects [E3]', async () => {
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

  test('disconnects a peer that closes only its message channel', async () => {
    const party = new Party()
    const room = party.join()
    const other = party.world.join()
    other.swarm.on('connection', connection => connection.on('connect', () => void connection.close()))
    await party.world.env.until(() => room.events.length === 2)
    expect([room.events, room.node.swarm.peers]).toEqual([[`+${other.announceId}`, `-${other.announceId}`], []])
    await party.world.closeAll()
  })

  test('drops malformed messages of a swarmlink peer, with one warning [Law 6]', async () => {
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

  test('leaves nothing behind when both sides wait for answers [Law 5]', async () => {
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
