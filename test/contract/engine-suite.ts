/** The contract of every engine, with the same or another engine at the remote end. */
import { afterEach, describe, expect, it } from 'vitest'
import { systemEnv } from '../../src/core/env.js'
import { parseSdp } from '../../src/core/sdp.js'
import {
  HIGH_WATER,
  LOW_WATER,
  MAX_MESSAGE_SIZE,
  type ConnectionState,
  type Engine,
  type EngineChannel,
  type EngineConnection,
} from '../../src/engine/engine.js'
import { gist } from '../support/bytes.js'

const CHUNK = 65_536

export interface Pair {
  offerer: EngineConnection
  answerer: EngineConnection
  /** The channel that the offerer opened, at both ends. */
  here: EngineChannel
  there: EngineChannel
}

/** `getEngine` is the engine of the offerer, `getOther` that of the answerer if it differs. */
export function runEngineSuite(name: string, getEngine: () => Promise<Engine>, getOther = getEngine): void {
  const open = new Set<EngineConnection>()

  async function connection(get: () => Promise<Engine> = getEngine): Promise<EngineConnection> {
    const created = (await get()).createConnection({ rtcConfig: { iceServers: [] }, gatherTimeout: 1000, env: systemEnv })
    open.add(created)
    return created
  }

  /** Two ends of one connection. */
  async function pair(
    onAnswerer: (answerer: EngineConnection) => void = () => {},
    further?: (offerer: EngineConnection) => void,
  ): Promise<Pair> {
    const offerer = await connection()
    const answerer = await connection(getOther)
    onAnswerer(answerer)
    return { offerer, answerer, ...(await handshake(offerer, answerer, further && (() => further(offerer)))) }
  }

  afterEach(() => {
    for (const created of open) created.close()
    open.clear()
  })

  describe(`${name}: descriptions`, () => {
    it('creates an offer and an answer that contain candidates and pass parseSdp()', async () => {
      const offerer = await connection()
      const answerer = await connection(getOther)
      offerer.createChannel('wire')
      const offer = await offerer.createOffer()
      const answer = await answerer.createAnswer(offer)
      for (const text of [offer, answer]) {
        expect(text).toMatch(/^a=candidate:/m)
        expect(() => parseSdp(text)).not.toThrow()
        expect(parseSdp(text).maxMessageSize).toBeGreaterThanOrEqual(MAX_MESSAGE_SIZE)
      }
    })

    it('does not wait for a null candidate, which node-datachannel never fires', async () => {
      const offerer = (await getEngine()).createConnection({
        rtcConfig: { iceServers: [] },
        gatherTimeout: 60_000,
        env: systemEnv,
      })
      open.add(offerer)
      offerer.createChannel('wire')
      expect(await offerer.createOffer()).toMatch(/^a=candidate:/m)
    }, 5000)

    it('marks the offer setup:active, so that no DTLS flight is lost (1 s)', async () => {
      const offerer = await connection()
      offerer.createChannel('wire')
      expect(await offerer.createOffer()).toMatch(/^a=setup:active\r$/m)
    })

    it('answers setup:passive, to a swarmlink offer and to a stock offer', async () => {
      const offerer = await connection()
      offerer.createChannel('wire')
      const offer = elsewhere(await offerer.createOffer())
      for (const setup of ['active', 'actpass']) {
        const answerer = await connection(getOther)
        const answer = await answerer.createAnswer(offer.replace('a=setup:active', `a=setup:${setup}`))
        expect(answer).toMatch(/^a=setup:passive\r$/m)
      }
    })

    it('connects an answerer with a TURN server, which node-datachannel makes the DTLS client [A10]', async () => {
      const offerer = await connection()
      const other = await getOther()
      // Nothing listens there.
      const turn = { urls: 'turn:127.0.0.1:49151', username: 'user', credential: 'pass' }
      const answerer = other.createConnection({ rtcConfig: { iceServers: [turn] }, gatherTimeout: 100, env: systemEnv })
      open.add(answerer)
      const here = offerer.createChannel('wire')
      const arrived = arrival(answerer, here.label)
      const answer = await answerer.createAnswer(await offerer.createOffer())
      await offerer.acceptAnswer(answer)
      const there = await arrived
      await Promise.all([opened(here), opened(there)])
      const heard = [received(there, 1, () => {}), received(here, 1, () => {})]
      here.send('to the answerer')
      there.send('to the offerer')
      expect(await Promise.all(heard)).toEqual([['to the answerer'], ['to the offerer']])
      if (other.name === 'node-datachannel') expect(answer).toMatch(/^a=setup:active\r$/m)
    })

    it('creates an offer with at most 20 candidates', async () => {
      const offerer = await connection()
      offerer.createChannel('wire')
      expect((await offerer.createOffer()).match(/^a=candidate:/gm)?.length).toBeLessThanOrEqual(20)
    })

    it('connects with trickled candidates, the first of them before the description', async () => {
      const offerer = await connection()
      const answerer = await connection(getOther)
      const early: RTCIceCandidateInit[] = []
      let described = false
      const atOnce = (taken: Promise<void>) => void taken.catch(() => {}) // pending ones reject with the end of the connection
      offerer.on('candidate', candidate => void (described ? atOnce(answerer.addCandidate(candidate)) : early.push(candidate)))
      answerer.on('candidate', candidate => atOnce(offerer.addCandidate(candidate)))
      const here = offerer.createChannel('wire')
      const failed = Promise.race([ended(offerer), ended(answerer)])
      failed.catch(() => {})
      const arrived = arrival(answerer, here.label)
      const first = next(offerer, 'candidate')
      const offer = withoutCandidates(await offerer.createOffer({ trickle: true }))
      await first
      for (const candidate of early) await answerer.addCandidate(candidate) // before the offer
      described = true
      await offerer.acceptAnswer(withoutCandidates(await answerer.createAnswer(offer, { trickle: true })))
      await Promise.race([Promise.all([opened(here), arrived.then(opened)]), failed])
      expect([offerer.state, answerer.state]).toEqual(['connected', 'connected'])
    })

    it('ignores candidates with a host name, and those after the 20th', async () => {
      const { offerer } = await pair()
      for (let i = 0; i < 100; i++)
        await offerer.addCandidate({ candidate: `candidate:${i} 1 udp 1 host.example 9 typ host`, sdpMid: '0', sdpMLineIndex: 0 })
      expect(offerer.state).toBe('connected')
    })
  })

  describe(`${name}: states`, () => {
    it('goes from new through connecting to connected on both sides', async () => {
      const seen: ConnectionState[] = []
      const { offerer, answerer } = await pair(created => created.on('state', state => seen.push(state)))
      await Promise.all([reached(offerer, 'connected'), reached(answerer, 'connected')])
      expect(seen).toContain('connected')
      expect(seen).not.toContain('new')
    })

    it('reports the remote address', async () => {
      const { offerer, answerer } = await pair()
      const addresses = await Promise.all([offerer.remoteAddress(), answerer.remoteAddress()])
      for (const remote of addresses) {
        if (remote === undefined) continue // a browser hides it by mDNS
        expect(remote.address).toMatch(/^[0-9a-f.:]+$/i)
        expect(remote.port).toBeGreaterThan(0)
      }
      if (!name.includes('browser')) expect(addresses).not.toContain(undefined)
    })

    it('close() emits its events once, before it returns, and none later', async () => {
      const { offerer, here } = await pair()
      const seen: string[] = []
      here.on('close', () => seen.push(`channel ${here.state}`))
      offerer.on('state', state => seen.push(state))
      offerer.close()
      expect(seen).toEqual(['channel closed', 'closed'])
      offerer.close()
      here.close()
      expect(seen).toHaveLength(2)
      expect(offerer.state).toBe('closed')
    })

    it('notices at once that the offerer has closed, not after 15 s by ICE', async () => {
      const { offerer, there } = await pair()
      const closed = next(there, 'close')
      offerer.close()
      await closed
      expect(there.state).toBe('closed')
      expect(() => there.send('too late')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    }, 10_000)

    it('notices at once that the answerer has closed, not after 15 s by ICE', async () => {
      const { answerer, here } = await pair()
      const closed = next(here, 'close')
      answerer.close()
      await closed
      expect(here.state).toBe('closed')
    }, 10_000)

    it('rejects each call after close() with ERR_CLOSED, where node-datachannel would never settle', async () => {
      const offerer = await connection()
      offerer.createChannel('wire')
      const offer = await offerer.createOffer()
      offerer.close()
      const closed = expect.objectContaining({ code: 'ERR_CLOSED' })
      await expect(offerer.createOffer()).rejects.toThrow(closed)
      await expect(offerer.createAnswer(offer)).rejects.toThrow(closed)
      await expect(offerer.acceptAnswer(offer)).rejects.toThrow(closed)
      await expect(offerer.addCandidate({ candidate: '' })).rejects.toThrow(closed)
      expect(() => offerer.createChannel('late')).toThrow(closed)
    })

    it('rejects pending calls as soon as it is closed', async () => {
      const offerer = await connection()
      offerer.createChannel('wire')
      const offer = offerer.createOffer()
      offerer.close()
      await expect(offer).rejects.toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    })

    it('refuses an invalid description, and closes cleanly after it', async () => {
      const answerer = await connection(getOther)
      await expect(answerer.createAnswer('v=0\r\nnothing\r\n')).rejects.toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }))
      answerer.close()
    })

    it('refuses an unexpected answer, and stays connected', async () => {
      const { offerer, here, there } = await pair()
      const stranger = await connection(getOther)
      const other = await connection()
      other.createChannel('wire')
      const answer = await stranger.createAnswer(await other.createOffer())
      await offerer.acceptAnswer(answer).catch(() => {})
      const [message] = await received(there, 1, () => here.send('still here'))
      expect(message).toBe('still here')
    })

    it('can be closed from within each of its events', async () => {
      const { here, there, offerer, answerer } = await pair()
      const closed = next(here, 'close')
      there.on('message', () => answerer.close())
      here.send('close yourself')
      await closed
      offerer.close()
      expect(answerer.state).toBe('closed')
    })
  })

  describe(`${name}: channels`, () => {
    it('carries texts and bytes both ways, bytes as a plain Uint8Array', async () => {
      const { here, there } = await pair()
      const whole = Uint8Array.from({ length: 32 }, (_, i) => i)
      for (const [from, to] of [
        [here, there],
        [there, here],
      ] as const) {
        const messages = await received(to, 4, () => {
          from.send('grüße ✓')
          from.send(whole.subarray(4, 9)) // a view: its offset and length count
          from.send('')
          from.send(new Uint8Array(0))
        })
        expect(messages[0]).toBe('grüße ✓')
        expect(messages[1]).toEqual(Uint8Array.of(4, 5, 6, 7, 8))
        expect(Object.getPrototypeOf(messages[1])).toBe(Uint8Array.prototype)
        expect(messages[2]).toBe('')
        expect(messages[3]).toEqual(new Uint8Array(0))
      }
    })

    it('carries the largest message and refuses a larger one, which node-datachannel would truncate', async () => {
      const { here, there } = await pair()
      const large = Uint8Array.from({ length: MAX_MESSAGE_SIZE }, (_, i) => i % 251)
      const [message] = await received(there, 1, () => here.send(large))
      expect(gist(message ?? '')).toBe(gist(large))
      const tooLarge = expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' })
      expect(() => here.send(new Uint8Array(MAX_MESSAGE_SIZE + 1))).toThrow(tooLarge)
      expect(() => here.send('ü'.repeat(MAX_MESSAGE_SIZE / 2 + 1))).toThrow(tooLarge)
      expect(here.state).toBe('open')
    })

    it('keeps messages that come before the first listener, and delivers them in order', async () => {
      let arrived: EngineChannel | undefined
      const { here } = await pair(answerer => answerer.on('channel', channel => (arrived = channel)))
      for (let i = 0; i < 100; i++) here.send(String(i))
      const echoed = next(here, 'message')
      await until(() => (arrived as unknown as EngineChannel).state === 'open', arrived as unknown as EngineChannel, 'open')
      const there = arrived as unknown as EngineChannel // pair() returns after it has arrived
      const messages: string[] = []
      const all = new Promise<void>(resolve => {
        there.on('message', message => {
          if (messages.push(message as string) === 100) resolve()
        })
        expect(messages).toEqual([]) // never within `on`
      })
      await all
      expect(messages).toEqual(Array.from({ length: 100 }, (_, i) => String(i)))
      there.send('done')
      await echoed
    })

    it('carries messages and replies that are sent within the first event of a channel [E4]', async () => {
      const heard: string[] = []
      let all = () => {}
      const done = new Promise<void>(resolve => (all = resolve))
      /** Sends a greeting as early as possible, answers each greeting at once, and records the messages. */
      const greet = (channel: EngineChannel, side: string) => {
        const send = () => channel.send(`${side} greets`)
        channel.on('message', message => {
          if (heard.push(`${channel.label}: ${String(message)}`) === 12) all()
          if (String(message).endsWith('greets')) channel.send(`${side} answers`)
        })
        if (channel.state === 'open') send()
        else channel.on('open', send)
      }
      const { offerer, answerer, here } = await pair(created => created.on('channel', channel => greet(channel, 'answerer')))
      offerer.on('channel', channel => greet(channel, 'offerer'))
      greet(here, 'offerer')
      greet(offerer.createChannel('second'), 'offerer')
      greet(answerer.createChannel('third'), 'answerer')
      await done
      const words = ['answerer answers', 'answerer greets', 'offerer answers', 'offerer greets']
      expect(heard.toSorted()).toEqual(['second', 'third', 'wire'].flatMap(label => words.map(word => `${label}: ${word}`)))
    })

    it('opens further channels in-band, in both directions, with their labels', async () => {
      const { offerer, answerer } = await pair()
      for (const [from, to] of [
        [offerer, answerer],
        [answerer, offerer],
      ] as const) {
        const arrived = next(to, 'channel')
        const created = from.createChannel('second – ✓')
        const [there] = await arrived
        expect(there.label).toBe('second – ✓')
        await Promise.all([opened(created), opened(there)])
        const [message] = await received(there, 1, () => created.send('through the second'))
        expect(message).toBe('through the second')
        const closed = next(there, 'close')
        created.close()
        await closed
      }
      expect(offerer.state).toBe('connected')
    })

    it('opens a channel that the offerer creates with the answer together with the connection, and keeps it open [X1]', async () => {
      let created: EngineChannel | undefined
      let arrived: Promise<EngineChannel> | undefined
      const { here } = await pair(
        answerer => void (arrived = arrival(answerer, 'further')),
        offerer => void (created = offerer.createChannel('further')),
      )
      const there = await arrived
      const messages = there && received(there, 1, () => {})
      if (created !== undefined) await opened(created)
      created?.send('through the second')
      expect([await messages, created?.state, there?.state, here.state]).toEqual([['through the second'], 'open', 'open', 'open'])
    })

    it('emits drain to a waiting sender (bufferedamountlow)', async () => {
      const { here, there } = await pair()
      let sent = 0
      let arrived = 0
      there.on('message', message => (arrived += message.length))
      for (let round = 0; round < 3; round++) {
        while (here.bufferedAmount <= HIGH_WATER) {
          here.send(new Uint8Array(CHUNK))
          sent += CHUNK
        }
        await next(here, 'drain')
        expect(here.bufferedAmount).toBeLessThanOrEqual(LOW_WATER)
      }
      const [last] = await lastOf(there, () => here.send('all of it'))
      expect(last).toBe('all of it')
      expect(arrived).toBe(sent + 'all of it'.length)
    })

    it('limits its queue, where @roamhq/wrtc would drop messages silently', async () => {
      const { here, there } = await pair()
      there.on('message', () => {})
      let sent = 0
      expect(() => {
        for (; sent < 1024 * HIGH_WATER; sent += CHUNK) here.send(new Uint8Array(CHUNK))
      }).toThrow(expect.objectContaining({ code: 'ERR_QUEUE_FULL' }))
      expect(here.bufferedAmount).toBeLessThanOrEqual(16 * HIGH_WATER)
      await next(here, 'drain')
      expect(here.state).toBe('open')
    })

    it('refuses to send before it is open and after it is closed', async () => {
      const offerer = await connection()
      const channel = offerer.createChannel('wire')
      const closed = expect.objectContaining({ code: 'ERR_CLOSED' })
      expect(() => channel.send('early')).toThrow(closed)
      channel.close()
      expect(() => channel.send('late')).toThrow(closed)
      expect(channel.bufferedAmount).toBe(0)
    })

    it('keeps the connection open when it closes, and closes at the remote end', async () => {
      const { here, there, offerer, answerer } = await pair()
      const closed = next(there, 'close')
      here.close()
      await closed
      expect([offerer.state, answerer.state]).toEqual(['connected', 'connected'])
    })
  })

  describe(`${name}: ICE restart`, () => {
    it('keeps the channels and the order of messages, also for a second restart', async ({ skip }) => {
      const { offerer, answerer, here, there } = await pair()
      skip(!offerer.canRestart, 'one of the two engines does not support it')
      const states: ConnectionState[] = []
      for (const end of [offerer, answerer]) end.on('state', state => states.push(state))
      const fingerprints: string[] = []
      const ufrags: Array<string | undefined> = []
      const arrived = received(there, 300, () => {})
      const back = received(here, 300, () => {})
      let sent = 0
      const send = () => {
        for (let i = 0; i < 50; i++, sent++) for (const end of [here, there]) end.send(String(sent))
      }
      for (let round = 0; round < 2; round++) {
        // Firefox (seen in version 153) fails when a restart begins before the path of the last one is connected; repair.ts waits for 1 s.
        if (round > 0 && name.includes('Firefox')) await new Promise(resolve => setTimeout(resolve, 1_000))
        send()
        const offer = await offerer.restart()
        send()
        const answer = await answerer.answerRestart(offer)
        expect(answer).toMatch(/^a=setup:passive\r$/m)
        for (const text of [offer, answer]) {
          expect(text).toMatch(/^a=candidate:/m)
          fingerprints.push(parseSdp(text).fingerprint)
          ufrags.push(ufragOf(text))
        }
        expect(offer).toMatch(/^a=setup:active\r$/m)
        await offerer.acceptRestart(answer)
        send()
      }
      const numbers = Array.from({ length: 300 }, (_, i) => String(i))
      expect(await arrived).toEqual(numbers)
      expect(await back).toEqual(numbers)
      expect(new Set(ufrags).size).toBe(4)
      expect(new Set(fingerprints).size).toBe(2)
      expect([offerer.state, answerer.state]).toEqual(['connected', 'connected'])
      expect(states).not.toContain('closed')
      const further = next(answerer, 'channel')
      offerer.createChannel('after it')
      expect((await further)[0].label).toBe('after it')
    })

    it('replaces one that was never answered, was refused, or was replaced meanwhile', async ({ skip }) => {
      const { offerer, answerer, here, there } = await pair()
      skip(!offerer.canRestart, 'one of the two engines does not support it')
      const refused = expect.objectContaining({ code: 'ERR_ENGINE' })
      await offerer.restart()
      await offerer.restart()
      await expect(offerer.acceptRestart('v=0\r\nnothing\r\n')).rejects.toThrow(refused)
      await expect(answerer.answerRestart('v=0\r\nnothing\r\n')).rejects.toThrow(refused)
      expect(await received(there, 1, () => here.send('between'))).toEqual(['between'])
      const overtaken = offerer.restart()
      const [first, offer] = await Promise.allSettled([overtaken, offerer.restart()])
      expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ERR_ENGINE' } })
      if (offer.status === 'rejected') throw offer.reason
      await offerer.acceptRestart(await answerer.answerRestart(offer.value))
      expect(await received(there, 1, () => here.send('afterwards'))).toEqual(['afterwards'])
      expect(await received(here, 1, () => there.send('and back'))).toEqual(['and back'])
      expect(offerer.state).toBe('connected')
    })

    it('replaces one whose answer was lost; in Firefox the connection may end instead', async ({ skip }) => {
      const { offerer, answerer, here, there } = await pair()
      skip(!offerer.canRestart, 'one of the two engines does not support it')
      const over = Promise.race([offerer, answerer].map(end => ended(end).catch(() => 'over')))
      await answerer.answerRestart(await offerer.restart())
      const again = async () => {
        await offerer.acceptRestart(await answerer.answerRestart(await offerer.restart()))
        return Promise.all([received(there, 1, () => here.send('afterwards')), received(here, 1, () => there.send('and back'))])
      }
      const outcome = await Promise.race([over, again().catch(() => over)])
      // Firefox (seen in version 153) drops the connected path when it answers again before the path of its last answer is connected:
      // 8 of 12 times the answerer's DTLS transport failed at once. The peers then reconnect.
      const goesOn = [['afterwards'], ['and back']]
      expect(name.includes('Firefox') ? [goesOn, 'over'] : [goesOn]).toContainEqual(outcome)
    })

    it('is refused in any other role and state, without effect', async () => {
      const refused = expect.objectContaining({ code: 'ERR_ENGINE' })
      const fresh = await connection()
      fresh.createChannel('wire')
      const answer = await (await connection(getOther)).createAnswer(await fresh.createOffer())
      await expect(fresh.restart()).rejects.toThrow(refused)
      const { offerer, answerer, here, there } = await pair()
      expect(answerer.canRestart).toBe(offerer.canRestart)
      await expect(offerer.acceptRestart(answer)).rejects.toThrow(refused)
      await expect(offerer.answerRestart(answer)).rejects.toThrow(refused)
      await expect(answerer.restart()).rejects.toThrow(refused)
      await expect(answerer.acceptRestart(answer)).rejects.toThrow(refused)
      const begun = offerer.restart().catch(error => error)
      await offerer.acceptAnswer(answer).catch(() => {})
      await begun
      await expect(offerer.acceptAnswer(answer)).rejects.toThrow(refused)
      expect(await received(there, 1, () => here.send('still here'))).toEqual(['still here'])
      offerer.close()
      expect(offerer.canRestart).toBe(false)
      await expect(offerer.restart()).rejects.toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    })

    it('rejects as soon as the connection is closed', async ({ skip }) => {
      const { offerer } = await pair()
      skip(!offerer.canRestart, 'one of the two engines does not support it')
      const restart = offerer.restart()
      offerer.close()
      await expect(restart).rejects.toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    })
  })
}

/** Connects both ends by offer and answer, and opens a channel. `further` creates others with the answer. */
export async function handshake(
  offerer: EngineConnection,
  answerer: EngineConnection,
  further?: () => void,
): Promise<{ here: EngineChannel; there: EngineChannel }> {
  const here = offerer.createChannel('wire')
  const failed = Promise.race([ended(offerer), ended(answerer)])
  failed.catch(() => {})
  const arrived = arrival(answerer, here.label)
  await offerer.acceptAnswer(await answerer.createAnswer(await offerer.createOffer()), further)
  const there = await Promise.race([arrived, failed])
  await Promise.race([Promise.all([opened(here), opened(there)]), failed])
  return { here, there }
}

/** Resolves to the incoming channel with this label. */
function arrival(connection: EngineConnection, label: string): Promise<EngineChannel> {
  return new Promise(resolve => {
    connection.on('channel', channel => {
      if (channel.label === label) resolve(channel)
    })
  })
}

function ended(connection: EngineConnection): Promise<never> {
  return new Promise((_resolve, reject) => {
    connection.on('state', state => {
      if (state === 'failed' || state === 'closed')
        reject(Object.assign(new Error(`the connection became ${state} during the handshake`), { code: 'ERR_ICE_FAILED' }))
    })
  })
}

interface Source {
  once(name: never, listener: (...args: never[]) => void): unknown
}

/** Resolves to the arguments of the next event of that name. */
function next(source: EngineConnection, name: 'channel'): Promise<[EngineChannel]>
function next(source: EngineConnection, name: 'candidate'): Promise<unknown[]>
function next(source: EngineChannel, name: 'message'): Promise<[string | Uint8Array]>
function next(source: EngineChannel, name: 'open' | 'drain' | 'close'): Promise<[]>
function next(source: Source, name: string): Promise<unknown[]> {
  return new Promise(resolve => source.once(name as never, (...args) => resolve(args)))
}

async function opened(channel: EngineChannel): Promise<void> {
  if (channel.state === 'connecting') await Promise.race([next(channel, 'open'), next(channel, 'close')])
  expect(channel.state).toBe('open')
}

function reached(connection: EngineConnection, state: ConnectionState): Promise<void> {
  return new Promise(resolve => {
    if (connection.state === state) return resolve()
    connection.on('state', now => {
      if (now === state) resolve()
    })
  })
}

async function until(met: () => boolean, channel: EngineChannel, name: 'open'): Promise<void> {
  if (!met()) await next(channel, name)
}

/** Runs `act` and resolves to the next `count` messages. */
function received(channel: EngineChannel, count: number, act: () => void): Promise<Array<string | Uint8Array>> {
  return new Promise(resolve => {
    const messages: Array<string | Uint8Array> = []
    const listener = (message: string | Uint8Array) => {
      if (messages.push(message) < count) return
      channel.off('message', listener)
      resolve(messages)
    }
    channel.on('message', listener)
    act()
  })
}

/** Runs `act` and resolves to the next text message. */
function lastOf(channel: EngineChannel, act: () => void): Promise<[string]> {
  return new Promise(resolve => {
    channel.on('message', message => {
      if (typeof message === 'string') resolve([message])
    })
    act()
  })
}

function ufragOf(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1]
}

function withoutCandidates(sdp: string): string {
  return sdp.replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, '')
}

/** The same offer from another machine, with documentation addresses (RFC 5737). */
function elsewhere(sdp: string): string {
  let host = 0
  return sdp.replace(/^(a=candidate:\S+ \d \S+ \d+) \S+ /gm, (_line, head: string) => `${head} 198.51.100.${++host} `)
}
