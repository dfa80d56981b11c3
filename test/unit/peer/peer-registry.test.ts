import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Id } from '../../../src/core/id.js'
import { ConnectionIndex } from '../../../src/peer/connection-index.js'
import type { ConnectionEntry } from '../../../src/peer/connection-entry.js'
import { PeerRegistry } from '../../../src/peer/peer-registry.js'

const REMOTE = 'bb'.repeat(20)

/** Drives a registry like the handshake: claims on an offer and on an answer, and drops the losers. */
class Side {
  readonly registry: PeerRegistry
  readonly self: Id
  /** Claims by the id of the offerer. */
  readonly claims = new Map<Id, ConnectionEntry>()
  /** Whether it answered the other's offer. */
  answers = false
  readonly #ours: boolean

  constructor(self: Id, isSwarmlink: boolean) {
    this.self = self
    this.#ours = isSwarmlink
    this.registry = new PeerRegistry(self)
  }

  /** Receives the other's offer. Returns true when it is answered. */
  offered(by: Id): boolean {
    this.answers = this.#take(by, by, 'answerer')
    return this.answers
  }

  /** Receives the answer to its own offer. Returns true when it is used. */
  answered(by: Id): boolean {
    return this.#take(by, this.self, 'offerer')
  }

  open(offerer: Id): void {
    const entry = this.claims.get(offerer)
    if (entry === undefined || !this.registry.has(entry)) return
    for (const loser of this.registry.opened(entry, 0)) loser.release()
  }

  /** Remaining connections, by the id of the offerer. */
  alive(): Id[] {
    return [...this.claims].filter(([, entry]) => this.registry.has(entry)).map(([offerer]) => offerer)
  }

  #take(remote: Id, offerer: Id, role: 'offerer' | 'answerer'): boolean {
    const verdict = this.registry.judge(remote, role, this.#ours)
    if (!verdict.go) return false
    for (const loser of verdict.replaces) loser.release()
    this.claims.set(offerer, this.registry.claim(remote, role, this.#ours))
    return true
  }
}

interface Message {
  to: Side
  from: Side
  kind: 'offer' | 'answer'
}

/** Both sides send an offer. `pick` decides the order in which messages of each direction arrive. */
function cross(ids: [Id, Id], isSwarmlink: boolean, pick: () => number): [Side, Side] {
  const [a, b] = [new Side(ids[0], isSwarmlink), new Side(ids[1], isSwarmlink)]
  const way: Message[] = [
    { to: b, from: a, kind: 'offer' },
    { to: a, from: b, kind: 'offer' },
  ]
  while (way.length > 0) {
    const [message] = way.splice(pick() % way.length, 1)
    if (message === undefined) break
    const { to, from, kind } = message
    if (kind === 'answer') to.answered(from.self)
    else if (to.offered(from.self)) way.push({ to: from, from: to, kind: 'answer' })
  }
  return [a, b]
}

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(bytes => Buffer.from(bytes).toString('hex'))
const twoIds = fc.tuple(id, id).filter(([a, b]) => a !== b)
const order = fc.infiniteStream(fc.nat(3))

describe('PeerRegistry', () => {
  test('keeps one connection on both sides: that of the higher announce id when each answered the other [A9]', () => {
    let glares = 0
    fc.assert(
      fc.property(twoIds, order, (ids, picks) => {
        const [a, b] = cross(ids, true, () => picks.next().value ?? 0)
        expect(a.alive().length).toBe(1)
        expect(b.alive()).toEqual(a.alive())
        if (!a.answers || !b.answers) return
        glares++
        expect(a.alive()).toEqual([ids[0] > ids[1] ? ids[0] : ids[1]])
      }),
      { numRuns: 500 },
    )
    expect(glares).toBeGreaterThan(100)
  })

  test('keeps both attempts with a stock peer, which knows no tie-break, until one opens [A9]', () => {
    let glares = 0
    fc.assert(
      fc.property(twoIds, order, fc.boolean(), (ids, picks, firstOpens) => {
        const [a, b] = cross(ids, false, () => picks.next().value ?? 0)
        if (!a.answers || !b.answers) return
        glares++
        expect([...a.alive()].toSorted()).toEqual([...ids].toSorted())
        expect([...b.alive()].toSorted()).toEqual([...ids].toSorted())
        const opener = ids[firstOpens ? 0 : 1]
        a.open(opener)
        b.open(opener)
        expect([a.alive(), b.alive()]).toEqual([[opener], [opener]])
      }),
    )
    expect(glares).toBeGreaterThan(20)
  })

  test('refuses a second connection to a connected or connecting peer, whichever side offers [A6] [A9]', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const entry = registry.claim(REMOTE, 'answerer', true)
    expect(registry.judge(REMOTE, 'answerer', true)).toEqual({ go: false, reason: 'connecting' })
    expect(registry.opened(entry, 0)).toEqual([])
    expect(registry.judge(REMOTE, 'answerer', true)).toEqual({ go: false, reason: 'connected' })
    expect(registry.judge(REMOTE, 'offerer', true)).toEqual({ go: false, reason: 'connected' })
    expect(registry.judge('cc'.repeat(20), 'offerer', true)).toEqual({ go: true, replaces: [] })
  })

  test.each(['offerer', 'answerer'] as const)(
    'judges, creates and opens an isolated connection as %s apart from those of other topics [X1] [A9]',
    role => {
      const index = new ConnectionIndex()
      const [own, other] = [new PeerRegistry('aa'.repeat(20), index), new PeerRegistry('aa'.repeat(20), index)]
      other.opened(other.claim(REMOTE, 'answerer', true), 0)
      expect(own.judge(REMOTE, role, true)).toEqual({ go: false, reason: 'connected' })
      expect(own.judge(REMOTE, role, true, true, true)).toEqual({ go: true, replaces: [] })
      const isolated = own.claim(REMOTE, role, true, { isolated: true, proven: false })
      expect([own.prove(isolated), own.opened(isolated, 0)]).toEqual([true, []])
      expect([...index.entries(REMOTE)]).not.toContain(isolated)
      expect(own.judge(REMOTE, role, true, true, true)).toEqual({ go: false, reason: 'connected' })
    },
  )

  test('tells a topic that refused a remote when the connection it did so for ends or becomes isolated [X1] [A9]', () => {
    const index = new ConnectionIndex()
    const registry = new PeerRegistry('aa'.repeat(20), index)
    const told: string[] = []
    index.await(REMOTE, () => told.push('of nothing'))
    const entry = registry.claim(REMOTE, 'answerer', true)
    const [first, left] = [() => told.push('first'), () => told.push('left')]
    for (let i = 0; i < 2; i++) for (const each of [first, left]) index.await(REMOTE, each)
    index.forget(left)
    registry.opened(entry, 0)
    expect(told).toEqual([])
    registry.shares = false
    expect(told).toEqual(['first'])
    entry.release()
    expect(told).toEqual(['first'])
  })

  test.each(['offerer', 'answerer'] as const)(
    'prefers a peer that can prove its id as %s to one that cannot, and evicts the latter [X3] [A9]',
    role => {
      const registry = new PeerRegistry('aa'.repeat(20))
      const poser = registry.claim(REMOTE, 'answerer', false, { proven: false })
      registry.opened(poser, 0)
      expect([registry.judge(REMOTE, role, false, false), registry.judge(REMOTE, role, true, true)]).toEqual([
        { go: false, reason: 'connected' },
        { go: true, replaces: [poser] },
      ])
      expect(registry.remotes()).toEqual([])
      const owner = registry.claim(REMOTE, role, true)
      expect(registry.judge(REMOTE, 'answerer', true, true)).toEqual({ go: false, reason: 'connecting' })
      expect(registry.remotes()).toEqual([REMOTE])
      expect(registry.opened(owner, 0)).toEqual([poser])
    },
  )

  test('lets no unproven answer replace a proven attempt [X3] [A9]', () => {
    for (const self of ['aa'.repeat(20), 'ff'.repeat(20)]) {
      const registry = new PeerRegistry(self)
      registry.claim(REMOTE, 'answerer', true)
      for (const isSwarmlink of [true, false])
        expect(registry.judge(REMOTE, 'offerer', isSwarmlink, false)).toEqual({ go: false, reason: 'connecting' })
    }
  })

  test('counts a claim as proven from its proof on, unless another was proven first [X3] [A9]', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const [one, other] = [1, 2].map(() => registry.claim(REMOTE, 'answerer', true, { waits: true, proven: false }))
    if (one === undefined || other === undefined) throw new Error('no claims')
    expect(registry.judge(REMOTE, 'answerer', true)).toMatchObject({ go: true })
    expect([registry.prove(one), registry.prove(other)]).toEqual([true, false])
    expect(registry.judge(REMOTE, 'answerer', true)).toEqual({ go: false, reason: 'connecting' })
  })

  test('closes no proven attempt when an unproven connection opens sooner or later [X3] [A9]', () => {
    for (const ownerFirst of [true, false]) {
      const registry = new PeerRegistry('aa'.repeat(20))
      const [poser, other] = [1, 2].map(() => registry.claim(REMOTE, 'answerer', false, { proven: false }))
      const owner = registry.claim(REMOTE, 'answerer', true)
      if (poser === undefined || other === undefined) throw new Error('no claims')
      if (ownerFirst) registry.opened(owner, 0)
      expect(registry.opened(poser, 0)).toEqual(ownerFirst ? [other, poser] : [other])
    }
  })

  test('refuses a second answer from the same remote while the first connects [A9]', () => {
    const registry = new PeerRegistry('ff'.repeat(20))
    registry.claim(REMOTE, 'offerer', true)
    expect(registry.judge(REMOTE, 'offerer', true)).toEqual({ go: false, reason: 'connecting' })
  })

  test('allows another attempt beside an overdue one, and closes the other when one opens [A6] [A9]', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const first = registry.claim(REMOTE, 'answerer', true)
    registry.lapse(first)
    expect([registry.size, registry.overdue]).toEqual([0, 1])
    for (const role of ['offerer', 'answerer'] as const)
      expect(registry.judge(REMOTE, role, true)).toEqual({ go: true, replaces: [] })
    const second = registry.claim(REMOTE, 'answerer', true)
    expect(registry.judge(REMOTE, 'answerer', true)).toEqual({ go: false, reason: 'connecting' })
    expect(registry.opened(first, 0)).toEqual([second])
    expect([registry.size, registry.open, registry.overdue]).toEqual([2, 1, 0])
    second.release()
    first.release()
    expect([registry.size, registry.open, registry.overdue]).toEqual([0, 0, 0])
  })

  test('closes no proven attempt for an unproven one beside it when it is overdue [X3] [A9]', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const owner = registry.claim(REMOTE, 'answerer', true)
    registry.lapse(owner)
    const poser = registry.claim(REMOTE, 'answerer', false, { proven: false })
    expect(registry.opened(poser, 0)).toEqual([])
    expect(registry.opened(owner, 0)).toEqual([poser])
  })

  test('counts open and connecting entries once, however often they are reported [A9]', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const [one, two] = [registry.claim(REMOTE, 'answerer', false), registry.claim(REMOTE, 'offerer', false)]
    expect([registry.size, registry.open]).toEqual([2, 0])
    expect(registry.opened(one, 0)).toEqual([two])
    registry.opened(one, 0)
    expect([registry.size, registry.open]).toEqual([2, 1])
    two.release()
    two.release()
    one.release()
    one.release()
    expect([registry.size, registry.open, registry.entries()]).toEqual([0, 0, []])
    expect(registry.has(one)).toBe(false)
  })
})
