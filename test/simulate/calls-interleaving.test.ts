import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CallWorld, type CallEnd } from '../support/fakes/call-world.js'
import { newStream } from '../support/fakes/fake-rtc.js'
import type { Sender } from '../../src/media/sender.js'
import type { Receiver } from '../../src/media/receiver.js'

/** Set it to some thousands after a change of the negotiation: a run takes 50 ms. */
const RUNS = 60

type Kind = 'audio' | 'video'
type Step =
  | { do: 'start' | 'stop'; which: 0 | 1 | 2 }
  | { do: 'stream'; kinds: Kind[] }
  | { do: 'enable'; kind: Kind; on: boolean }
  | { do: 'sync' | 'send' | 'restart' }
  | { do: 'want'; which: 0 | 1; demand: 'off' | 'low' | 'high' }
  | { do: 'cut' | 'heal' | 'move'; which: 0 | 1 | 2 }
  | { do: 'bus'; loss: number; delay: number }
  | { do: 'refuse'; which: 0 | 1 | 2; method: 'setRemoteDescription' | 'createOffer' | 'createAnswer'; times: number }
  | { do: 'replay'; place: number }

const end = fc.constantFrom(0 as const, 1 as const, 2 as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('start' as const, 'stop' as const), which: end }),
  fc.record({ do: fc.constant('stream' as const), kinds: fc.subarray<Kind>(['audio', 'video']) }),
  fc.record({ do: fc.constant('enable' as const), kind: fc.constantFrom<Kind>('audio', 'video'), on: fc.boolean() }),
  fc.record({ do: fc.constantFrom('sync' as const, 'send' as const, 'send' as const, 'restart' as const) }),
  fc.record({
    do: fc.constant('want' as const),
    which: fc.constantFrom(0 as const, 1 as const),
    demand: fc.constantFrom('off' as const, 'low' as const, 'high' as const),
  }),
  fc.record({ do: fc.constantFrom('cut' as const, 'heal' as const, 'move' as const), which: end }),
  fc.record({ do: fc.constant('bus' as const), loss: fc.constantFrom(0, 0, 0.3, 1), delay: fc.constantFrom(0, 20, 400) }),
  fc.record({
    do: fc.constant('refuse' as const),
    which: end,
    method: fc.constantFrom('setRemoteDescription' as const, 'createOffer' as const, 'createAnswer' as const),
    times: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant('replay' as const), place: fc.double({ min: 0, max: 1, noNaN: true }) }),
)
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 3, 15, 70, 600, 4_000)), { minLength: 3, maxLength: 25 })

/** What both ends have to agree on in the end. */
class Model {
  kinds: Kind[] = ['audio']
  enabled = { audio: true, video: true }
  state = 0
  demands: [string, string] = ['high', 'high']
  running: [boolean, boolean, boolean] = [false, false, false]
}

test('Sender and Receivers agree in the end, whatever is started, stopped, changed, cut, lost, delayed, refused or sent again [X14] [Law 4]', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), steps, async (seed, plan) => {
      const world = new CallWorld(seed)
      const model = new Model()
      const sender = world.sender({ participant: 'the Sender' })
      const receivers = [world.receiver({ pingInterval: 5 }), world.receiver({ pingInterval: 5 })] as const
      const ends = [sender, ...receivers] as const
      const sent: string[] = []
      let bus = { loss: 0, delay: 0 }
      world.lose = () => world.env.random() < bus.loss
      world.delay = () => bus.delay * world.env.random()
      const start = (which: 0 | 1 | 2) => {
        if (model.running[which]) return
        model.running[which] = true
        if (which === 0) sender.end.start({ stream: newStream(...model.kinds), state: model.state, dataChannel: true })
        else ends[which].end.start()
      }
      const act = (now: Step): void => {
        switch (now.do) {
          case 'start':
            return start(now.which)
          case 'stop':
            model.running[now.which] = false
            return void ends[now.which].end.stop()
          case 'stream':
            model.kinds = now.kinds
            return sender.end.setStream(now.kinds.length === 0 ? null : newStream(...now.kinds))
          case 'enable':
            model.enabled[now.kind] = now.on
            return sender.end.enable(now.kind, now.on)
          case 'sync':
            return sender.end.sync(++model.state)
          case 'send':
            sent.push(`m${sent.length}`)
            if (model.running[0]) sender.end.send(sent.at(-1)!)
            return
          case 'restart':
            return sender.machine.move()
          case 'want':
            if (sender.end.id !== undefined) receivers[now.which].end.want(sender.id, now.demand)
            if (sender.end.id !== undefined) model.demands[now.which] = now.demand
            return
          case 'cut':
          case 'heal':
          case 'move':
            return ends[now.which].machine[now.do]()
          case 'bus':
            bus = now
            return
          case 'refuse': {
            let times = now.times
            ends[now.which].machine.misbehave = method => (method === now.method && times-- > 0 ? 'rejects' : undefined)
            return
          }
          case 'replay': {
            const old = world.emitted[Math.floor(now.place * world.emitted.length)]
            if (old !== undefined) world.write(old.namespace, old.message)
          }
        }
      }
      for (const [now, wait] of plan) {
        const wasRunning = model.running[0]
        act(now)
        if (now.do === 'stop' && now.which === 0 && wasRunning) model.demands = ['high', 'high'] // it has another id after its next start
        await world.advance(wait)
        if (wait >= 60) expectOneOfferPerReceiver(sender)
      }
      // Everything works again.
      bus = { loss: 0, delay: 0 }
      for (const one of ends) {
        one.machine.misbehave = () => undefined
        one.machine.heal()
      }
      for (const which of [0, 1, 2] as const) start(which)
      await world.advance(100_000)
      expectOneOfferPerReceiver(sender)
      for (const [index, receiver] of receivers.entries()) {
        expectAgreement(sender, receiver, model, model.demands[index]!)
        expectInOrder(receiver.messages)
        expectNoStaleOffer(receiver)
      }
      for (const receiver of receivers) {
        const before = receiver.messages.length
        expect(sender.end.send('last', receiver.id)).toBe(true)
        await world.advance(100)
        expect(receiver.messages.slice(before)).toEqual(['last'])
      }
      await world.stop()
      expect(world.net.open).toHaveLength(0)
      expect(world.env.pendingTimers).toBe(0)
    }),
    {
      numRuns: RUNS,
    },
  )
}, 600_000)

function expectOneOfferPerReceiver({ machine }: CallEnd<Sender>): void {
  expect(machine.open.filter(({ signalingState }) => signalingState === 'have-local-offer').length).toBeLessThanOrEqual(2)
}

function expectAgreement(sender: CallEnd<Sender>, receiver: CallEnd<Receiver>, model: Model, demand: string): void {
  expect(receiver.machine.open).toHaveLength(1)
  const [own] = receiver.machine.open
  const other = own!.remote!
  expect(other.machine).toBe(sender.machine)
  expect(own!.works).toBe(true)
  expect([own!.signalingState, other.signalingState]).toEqual(['stable', 'stable'])
  // What is sent, and what the other end was told of it.
  const live = other.transceivers.filter(({ direction }) => direction === 'sendonly').map(({ kind }) => kind)
  expect(live.toSorted()).toEqual(model.kinds)
  const encoded = other.transceivers.flatMap(({ sender: { track } }) => (track === null ? [] : [track.kind]))
  const wanted = model.kinds.filter(kind => model.enabled[kind] && (kind === 'audio' || demand !== 'off'))
  expect(encoded.toSorted()).toEqual(wanted)
  expect(
    own!.transceivers
      .filter(({ direction }) => direction === 'recvonly')
      .map(({ kind }) => kind)
      .toSorted(),
  ).toEqual(model.kinds)
  const told = receiver.told.filter(({ detail }) => detail.id === sender.id)
  const stream = told.findLast(({ name }) => name === 'stream')?.detail['stream'] as MediaStream | undefined
  if (model.kinds.length > 0)
    expect(
      stream
        ?.getTracks()
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual(model.kinds)
  const lastEnd = told.findLastIndex(({ name }) => name === 'dispose')
  const muted = { audio: false, video: false }
  for (const { name, detail } of told.slice(lastEnd + 1))
    if (name === 'mute') muted[detail['kind'] as Kind] = detail['muted'] as boolean
  expect(muted).toEqual({ audio: !model.enabled.audio, video: !model.enabled.video })
  const state = told.slice(lastEnd + 1).findLast(({ name }) => ['stream', 'sync', 'connect', 'channel'].includes(name))?.detail[
    'state'
  ]
  expect(state).toBe(model.state)
  expect(told.findLast(({ name }) => ['connect', 'reconnected', 'reconnecting', 'dispose'].includes(name))?.name).toMatch(
    /connect$|connected$/,
  )
}

/** Messages of one Sender come in their order, none twice. */
function expectInOrder(messages: unknown[]): void {
  const numbers = messages.map(text => Number(String(text).slice(1)))
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
}

/** A connection whose successor was offered and applied is never applied again. */
function expectNoStaleOffer({ machine }: CallEnd<Receiver>): void {
  const order = machine.applied.map(connection => connection.machine.connections.indexOf(connection))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
}
