import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Id } from '../../../src/core/id.js'
import { Links } from '../../../src/peer/links.js'
import { PeerRegistry, type Claim } from '../../../src/peer/registry.js'

const REMOTE = 'bb'.repeat(20)

/** One side as the introduction drives its registry: claim on an offer, claim on an answer, drop what loses. */
class Side {
  readonly registry: PeerRegistry
  readonly self: Id
  /** Claims by the id of who called. */
  readonly claims = new Map<Id, Claim>()
  /** It answered the other's offer. */
  answers = false
  readonly #ours: boolean

  constructor(self: Id, ours: boolean) {
    this.self = self
    this.#ours = ours
    this.registry = new PeerRegistry(self)
  }

  /** The other's offer arrives; true when it is answered. */
  offered(by: Id): boolean {
    this.answers = this.#take(by, by, 'callee')
    return this.answers
  }

  /** The answer to our offer arrives; true when it is used. */
  answered(by: Id): boolean {
    return this.#take(by, this.self, 'caller')
  }

  open(caller: Id): void {
    const claim = this.claims.get(caller)
    if (claim === undefined || !this.registry.has(claim)) return
    for (const loser of this.registry.opened(claim)) loser.release()
  }

  /** Connections that are still there, by who called. */
  alive(): Id[] {
    return [...this.claims].filter(([, claim]) => this.registry.has(claim)).map(([caller]) => caller)
  }

  #take(remote: Id, caller: Id, role: 'caller' | 'callee'): boolean {
    const verdict = this.registry.judge(remote, role, this.#ours)
    if (!verdict.go) return false
    for (const loser of verdict.replaces) loser.release()
    this.claims.set(caller, this.registry.claim(remote, role, this.#ours))
    return true
  }
}

interface Message {
  to: Side
  from: Side
  kind: 'offer' | 'answer'
}

/** Both sides call; messages of each direction arrive in order or not, as `pick` says. */
function cross(ids: [Id, Id], ours: boolean, pick: () => number): [Side, Side] {
  const [a, b] = [new Side(ids[0], ours), new Side(ids[1], ours)]
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

describe('A9 the registry keeps one connection a remote', () => {
  test('One stays, the same on both sides; when each answered the other, that of the higher announce id', () => {
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

  test('Stock peers know no tie-break: when each answered the other both calls stay until one opens, then the other goes', () => {
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

  test('A6 no peer twice: held when connected, dialling on the way, whoever asks', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const claim = registry.claim(REMOTE, 'callee', true)
    expect(registry.judge(REMOTE, 'callee', true)).toEqual({ go: false, reason: 'dialling' })
    expect(registry.opened(claim)).toEqual([])
    expect(registry.judge(REMOTE, 'callee', true)).toEqual({ go: false, reason: 'held' })
    expect(registry.judge(REMOTE, 'caller', true)).toEqual({ go: false, reason: 'held' })
    expect(registry.judge('cc'.repeat(20), 'caller', true)).toEqual({ go: true, replaces: [] })
  })

  test.each(['caller', 'callee'] as const)(
    'lets a connection that serves one topic alone be judged, built and opened as %s apart from those of other topics [X1]',
    role => {
      const links = new Links()
      const [own, other] = [new PeerRegistry('aa'.repeat(20), links), new PeerRegistry('aa'.repeat(20), links)]
      other.opened(other.claim(REMOTE, 'callee', true))
      expect(own.judge(REMOTE, role, true)).toEqual({ go: false, reason: 'held' })
      expect(own.judge(REMOTE, role, true, true, true)).toEqual({ go: true, replaces: [] })
      const secluded = own.claim(REMOTE, role, true, { secluded: true, proven: false })
      expect([own.prove(secluded), own.opened(secluded)]).toEqual([true, []])
      expect([...links.claims(REMOTE)]).not.toContain(secluded)
      expect(own.judge(REMOTE, role, true, true, true)).toEqual({ go: false, reason: 'held' })
    },
  )

  test('tells a topic that turned a remote away when the connection it did so for ends or serves no other topic [X1]', () => {
    const links = new Links()
    const registry = new PeerRegistry('aa'.repeat(20), links)
    const told: string[] = []
    links.await(REMOTE, () => told.push('of nothing'))
    const claim = registry.claim(REMOTE, 'callee', true)
    const [first, left] = [() => told.push('first'), () => told.push('left')]
    for (let i = 0; i < 2; i++) for (const each of [first, left]) links.await(REMOTE, each)
    links.forget(left)
    registry.opened(claim)
    expect(told).toEqual([])
    registry.shares = false
    expect(told).toEqual(['first'])
    claim.release()
    expect(told).toEqual(['first'])
  })

  test.each(['caller', 'callee'] as const)(
    'X3 who can prove its id as %s is kept out by nobody who cannot, and drives that one out',
    role => {
      const registry = new PeerRegistry('aa'.repeat(20))
      const poser = registry.claim(REMOTE, 'callee', false, { proven: false })
      registry.opened(poser)
      expect([registry.judge(REMOTE, role, false, false), registry.judge(REMOTE, role, true, true)]).toEqual([
        { go: false, reason: 'held' },
        { go: true, replaces: [poser] },
      ])
      expect(registry.remotes()).toEqual([])
      const owner = registry.claim(REMOTE, role, true)
      expect(registry.judge(REMOTE, 'callee', true, true)).toEqual({ go: false, reason: 'dialling' })
      expect(registry.remotes()).toEqual([REMOTE])
      expect(registry.opened(owner)).toEqual([poser])
    },
  )

  test('X3 nor does that one win over it when both call', () => {
    for (const self of ['aa'.repeat(20), 'ff'.repeat(20)]) {
      const registry = new PeerRegistry(self)
      registry.claim(REMOTE, 'callee', true)
      for (const ours of [true, false])
        expect(registry.judge(REMOTE, 'caller', ours, false)).toEqual({ go: false, reason: 'dialling' })
    }
  })

  test('X3 a proof that turns out true counts from then on, unless another was quicker', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const [one, other] = [1, 2].map(() => registry.claim(REMOTE, 'callee', true, { waits: true, proven: false }))
    if (one === undefined || other === undefined) throw new Error('no claims')
    expect(registry.judge(REMOTE, 'callee', true)).toMatchObject({ go: true })
    expect([registry.prove(one), registry.prove(other)]).toEqual([true, false])
    expect(registry.judge(REMOTE, 'callee', true)).toEqual({ go: false, reason: 'dialling' })
  })

  test('X3 nor does that one drive it out by being open sooner, or later', () => {
    for (const ownerFirst of [true, false]) {
      const registry = new PeerRegistry('aa'.repeat(20))
      const [poser, other] = [1, 2].map(() => registry.claim(REMOTE, 'callee', false, { proven: false }))
      const owner = registry.claim(REMOTE, 'callee', true)
      if (poser === undefined || other === undefined) throw new Error('no claims')
      if (ownerFirst) registry.opened(owner)
      expect(registry.opened(poser)).toEqual(ownerFirst ? [other, poser] : [other])
    }
  })

  test('A second answer from the same remote is refused while the first connects', () => {
    const registry = new PeerRegistry('ff'.repeat(20))
    registry.claim(REMOTE, 'caller', true)
    expect(registry.judge(REMOTE, 'caller', true)).toEqual({ go: false, reason: 'dialling' })
  })

  test('lets another attempt go on beside one that takes too long, and closes the other when one opens [A6]', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const first = registry.claim(REMOTE, 'callee', true)
    registry.lapse(first, true)
    expect([registry.size, registry.overdue]).toEqual([0, 1])
    for (const role of ['caller', 'callee'] as const)
      expect(registry.judge(REMOTE, role, true)).toEqual({ go: true, replaces: [] })
    const second = registry.claim(REMOTE, 'callee', true)
    expect(registry.judge(REMOTE, 'callee', true)).toEqual({ go: false, reason: 'dialling' })
    expect(registry.opened(first)).toEqual([second])
    expect([registry.size, registry.open, registry.overdue]).toEqual([2, 1, 0])
    second.release()
    first.release()
    expect([registry.size, registry.open, registry.overdue]).toEqual([0, 0, 0])
  })

  test('X3 an attempt without proof beside one that takes too long closes none that has one', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const owner = registry.claim(REMOTE, 'callee', true)
    registry.lapse(owner, true)
    const poser = registry.claim(REMOTE, 'callee', false, { proven: false })
    expect(registry.opened(poser)).toEqual([])
    expect(registry.opened(owner)).toEqual([poser])
  })

  test('Counts what is open and what is on its way, however often things are said', () => {
    const registry = new PeerRegistry('aa'.repeat(20))
    const [one, two] = [registry.claim(REMOTE, 'callee', false), registry.claim(REMOTE, 'caller', false)]
    expect([registry.size, registry.open]).toEqual([2, 0])
    expect(registry.opened(one)).toEqual([two])
    registry.opened(one)
    expect([registry.size, registry.open]).toEqual([2, 1])
    two.release()
    two.release()
    one.release()
    one.release()
    expect([registry.size, registry.open, registry.claims()]).toEqual([0, 0, []])
    expect(registry.has(one)).toBe(false)
  })
})
