import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { toBase64Url } from '../../../src/core/bytes.js'
import type { Id } from '../../../src/core/id.js'
import { encodeMessage } from '../../../src/mesh/core/wire/encode-message.js'
import type { MeshCore } from '../../../src/mesh/core/mesh-core.js'
import type { KnockAnswer } from '../../../src/mesh/core/wire/messages.js'
import type { CoreLoop } from '../../../src/mesh/core-loop.js'
import { MeshPolicy, SHOWN } from '../../../src/mesh/mesh-policy.js'
import { anyCharacter } from '../../support/any-character.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const [self, other, third] = ['a', 'b', 'c'].map(digit => digit.repeat(40)) as [Id, Id, Id]
const ISLAND = { root: self, beacon: 1 }
const REQUEST = { origin: self, island: ISLAND, edges: 1, room: 4, purpose: 'random' } as const

/** The part of a core that a policy asks. It admits members as `answer` says. */
class FakeCore {
  room = 4
  expected: Id[] = []
  answer: KnockAnswer = {
    type: 'knock-answer',
    origin: other,
    target: self,
    trail: [],
    accepted: true,
    purpose: 'random',
    splice: undefined,
  }
  readonly asked: Id[] = []
  readonly introducedBy: Id[] = []
  readonly request = REQUEST

  expects(id: Id): boolean {
    return this.expected.includes(id)
  }

  admits(_now: number, { origin }: { origin: Id }): KnockAnswer {
    this.asked.push(origin)
    return this.answer
  }

  introduced(_now: number, { target }: { target: Id }): void {
    this.introducedBy.push(target)
  }
}

let env: VirtualEnv
let core: FakeCore
let late: Id[]
let policy: MeshPolicy

beforeEach(() => {
  env = new VirtualEnv()
  core = new FakeCore()
  late = []
  const now = (call: (core: FakeCore, now: number) => unknown) => call(core, env.now())
  const loop = { ask: now, run: now } as unknown as CoreLoop
  policy = new MeshPolicy(env, core as unknown as MeshCore, loop, id => late.push(id))
})

const knock = () => policy.note('offerer', undefined)

test('a request is shown to a few members, by one offer each [C5]', () => {
  expect(policy.sought).toBe(0)
  policy.show()
  expect(policy.sought).toBe(SHOWN)
  for (let shown = 1; shown <= SHOWN; shown++) {
    expect(policy.dials(other)).toBe(true)
    expect(knock()).toBeDefined()
    expect(policy.sought).toBe(SHOWN - shown)
  }
  expect(policy.dials(other)).toBe(false)
  core.room = 1
  policy.show()
  expect(policy.sought).toBe(1)
})

test('an offer to a member that the core chose shows no request to another one [C5]', () => {
  policy.show()
  policy.want(other)
  policy.note('offerer', other)
  expect([policy.sought, policy.left]).toEqual([SHOWN, SHOWN + 1])
})

test('a member that the core wants is dialled for ten seconds, and reported when it is late [C5]', async () => {
  policy.want(other)
  policy.want(third)
  policy.settled(third)
  await env.advance(9_999)
  expect([policy.dials(other), late]).toEqual([true, []])
  await env.advance(1)
  expect([policy.dials(other), late]).toEqual([false, [other]])
  policy.want(other)
  policy.close()
  await env.advance(60_000)
  expect([late, env.pendingTimers]).toEqual([[other], 0])
})

test('an offer is accepted as the core answers the request in it, and the answer tells [C5]', () => {
  const note = knock()
  expect(policy.agrees(other, 'answerer', note)).toBe(true)
  expect(core.asked).toEqual([other]) // the sender, not the member that the request names
  expect(policy.note('answerer', other)).toBe(toBase64Url(encodeMessage(core.answer)))
  core.answer = { ...core.answer, accepted: false }
  expect(policy.agrees(third, 'answerer', note)).toBe(false)
  expect(policy.note('answerer', third)).toBeUndefined()
})

test('a member that the core expects or wants needs no request [C5]', () => {
  core.expected = [other]
  policy.want(third)
  for (const id of [other, third]) expect(policy.agrees(id, 'answerer', undefined)).toBe(true)
  expect(core.asked).toEqual([])
})

test('an answer is used when the core then wants its sender [C5]', () => {
  const note = toBase64Url(encodeMessage(core.answer))
  expect(policy.agrees(other, 'offerer', note)).toBe(false)
  core.introduced = (_now, { target }) => policy.want(target)
  expect(policy.agrees(other, 'offerer', note)).toBe(true)
})

test('a note of a remote peer is a request, an answer, or refused, whatever it says [Law 1]', () => {
  const answer = toBase64Url(encodeMessage(core.answer))
  for (const note of [undefined, '', '!', 'A'.repeat(16_000), answer]) expect(policy.agrees(other, 'answerer', note)).toBe(false)
  expect(policy.agrees(other, 'offerer', knock())).toBe(false)
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: anyCharacter }), fc.uint8Array().map(toBase64Url)), note => {
      for (const role of ['offerer', 'answerer'] as const) expect(typeof policy.agrees(other, role, note)).toBe('boolean')
    }),
  )
})
