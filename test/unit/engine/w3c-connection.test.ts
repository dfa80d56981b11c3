import { describe, expect, it, vi } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { ENGINE_TIMEOUT } from '../../../src/engine/call-deadlines.js'
import { DISCONNECTED_DEADLINE, MAX_CHANNELS, W3cConnection } from '../../../src/engine/w3c-connection.js'
import { GRACE } from '../../../src/engine/gathering.js'
import type { Quirks } from '../../../src/engine/quirks.js'
import { KNOCK_AFTER, REST } from '../../../src/engine/same-host.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'
import { FakeRtc, never } from './fake-rtc.js'

const OFFER = 'v=0\r\na=setup:actpass\r\n'

function setup(quirks: Partial<Quirks> = {}, rtcConfig: RTCConfiguration = {}) {
  const env = new VirtualEnv()
  const opened: FakeRtc[] = []
  const open = () => {
    const rtc = new FakeRtc()
    opened.push(rtc)
    return rtc
  }
  const connection = new W3cConnection({ name: 'fake', open, ...quirks }, { rtcConfig, gatherTimeout: 1000, env })
  return { env, connection, opened, rtc: opened[0] as FakeRtc } // the constructor opens one
}

const withCode = (code: string) => expect.objectContaining({ code })

/** The code of the error that a promise rejects with; handled from the start, so that no rejection is unhandled. */
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof SwarmlinkError ? error.code : String(error)),
  )

/** Runs settled promises without advancing the time. */
const settle = (env: VirtualEnv) => env.advance(0)

/** The answer to this offer, with all candidates. */
async function answerOf({ env, connection, rtc }: Omit<ReturnType<typeof setup>, 'opened'>, offer: string): Promise<string> {
  const answered = connection.createAnswer(offer)
  await settle(env)
  rtc.gathered('complete')
  return await answered
}

describe('gathering', () => {
  it.each(['complete', 'null candidate'] as const)('ends with %s', async how => {
    const { env, connection, rtc } = setup()
    const offer = connection.createOffer()
    await settle(env)
    rtc.gathered(how)
    expect(await offer).toContain('a=setup:active')
    expect(env.pendingTimers).toBe(0)
  })

  it('ends with complete, too, if there is no candidate because the only server refuses [X8]', async () => {
    const iceServers = [{ urls: 'turn:192.0.2.9', username: 'u', credential: 'wrong' }]
    const { env, connection, rtc } = setup({}, { iceServers, iceTransportPolicy: 'relay' })
    vi.spyOn(rtc, 'createOffer').mockResolvedValue({ type: 'offer', sdp: 'v=0\r\n' })
    const offer = connection.createOffer()
    await settle(env)
    rtc.gathered('complete')
    await settle(env)
    expect(await offer).toBe('v=0\r\n')
  })

  it('has ended for an offer that is created after it', async () => {
    const { connection, rtc } = setup()
    rtc.gathered('null candidate')
    expect(await connection.createOffer()).toContain('a=candidate:')
  })

  it('ends after gatherTimeout, with the candidates so far', async () => {
    const { env, connection } = setup()
    let offer: string | undefined
    void connection.createOffer().then(text => (offer = text))
    await env.advance(999)
    expect(offer).toBeUndefined()
    await env.advance(1)
    expect(offer).toContain('a=candidate:')
  })

  const stun = { urls: 'stun:192.0.2.9' }
  const turn = { urls: ['turn:192.0.2.9'], username: 'u', credential: 'c' }
  /** Starts an offer, and returns the function that gathers a candidate and tells whether the offer is there. */
  function gathering(rtcConfig: RTCConfiguration) {
    const { env, connection, rtc } = setup({}, rtcConfig)
    let offer: string | undefined
    void connection.createOffer().then(text => (offer = text))
    let port = 0
    const gather = async (type: string) => {
      rtc.gather(`candidate:1 1 udp 1 198.51.100.1 ${++port} typ ${type}`)
      await settle(env)
      return offer !== undefined
    }
    const isThere = async (ms: number) => {
      await env.advance(ms)
      return offer !== undefined
    }
    return { env, gather, isThere }
  }

  it('ends 20 ms after the latest host candidate without a server [A10]', async () => {
    const { env, gather, isThere } = gathering({})
    expect(await isThere(500)).toBe(false)
    expect(await gather('host')).toBe(false)
    expect(await isThere(GRACE - 1)).toBe(false)
    expect(await gather('host')).toBe(false)
    expect(await isThere(GRACE - 1)).toBe(false)
    expect(await isThere(1)).toBe(true)
    expect(env.pendingTimers).toBe(0)
  })

  const answers: Array<[string, RTCConfiguration, string[]]> = [
    ['the first of several STUN servers', { iceServers: [stun, stun, stun] }, ['host', 'host', 'srflx']],
    ['a TURN server', { iceServers: [stun, turn] }, ['host', 'srflx', 'relay']],
    ['a TURN server, if no other path is allowed', { iceServers: [stun, turn], iceTransportPolicy: 'relay' }, ['relay']],
  ]
  it.each(answers)('ends with the answer of %s, without a timer [A10]', async (_name, rtcConfig, types) => {
    const { env, gather, isThere } = gathering(rtcConfig)
    for (const type of types.slice(0, -1)) {
      expect(await gather(type)).toBe(false)
      expect(await isThere(100)).toBe(false)
    }
    expect(await gather(types.at(-1) ?? '')).toBe(true)
    expect(env.pendingTimers).toBe(0)
  })

  it('waits for the host candidates although a near server has answered [A10]', async () => {
    const { gather, isThere } = gathering({ iceServers: [stun] })
    await gather('host')
    expect(await gather('srflx')).toBe(false)
    expect(await gather('host')).toBe(false)
    expect(await isThere(GRACE)).toBe(true)
  })

  it('has ended for an offer that is created later than that', async () => {
    const { env, connection, rtc } = setup()
    rtc.gather('candidate:1 1 udp 1 198.51.100.1 1 typ host')
    await env.advance(GRACE)
    const offer = connection.createOffer()
    await settle(env)
    expect(await offer).toContain('a=candidate:')
  })

  it('is not awaited with trickle', async () => {
    const { connection } = setup()
    expect(await connection.createOffer({ trickle: true })).toContain('a=setup:active')
  })
})

describe('an engine whose descriptions must not be read while it gathers', () => {
  it('gives an offer of what it created and gathered, without candidates of other ICE credentials', async () => {
    const { env, connection, rtc } = setup({ unsafeDescriptions: true })
    const read = vi.fn<() => { sdp: string }>(() => ({ sdp: 'v=0' }))
    Object.defineProperty(rtc, 'localDescription', { get: read, set: () => {} })
    vi.spyOn(rtc, 'createOffer').mockResolvedValue({ type: 'offer', sdp: 'v=0\r\na=setup:actpass\r\na=ice-ufrag:new\r\n' })
    const offer = connection.createOffer()
    await settle(env)
    rtc.gather('candidate:1 1 udp 1 198.51.100.1 1 typ host ufrag new')
    rtc.gather('candidate:2 1 udp 1 198.51.100.1 2 typ host ufrag old')
    rtc.gather('candidate:3 1 udp 1 198.51.100.1 3 typ host')
    await env.advance(1000)
    const lines = (await offer).split('\r\n')
    expect(lines.slice(0, 3)).toEqual(['v=0', 'a=setup:active', 'a=ice-ufrag:new'])
    expect(lines.slice(3).map(line => line.split(' ')[0])).toEqual(['a=candidate:1', 'a=candidate:3', ''])
    expect(read).not.toHaveBeenCalled()
  })

  it('gives its description once gathering is complete, when the events of the candidates may still be on their way', async () => {
    const { env, connection, rtc } = setup({ unsafeDescriptions: true })
    const offer = connection.createOffer()
    await settle(env)
    rtc.gathered('complete')
    expect(await offer).toBe(rtc.localDescription?.sdp.replace('actpass', 'active'))
  })
})

describe('calls of an engine', () => {
  it.each(['createOffer', 'setLocalDescription'])('reject at their deadline if they never settle: %s', async call => {
    const { env, connection, rtc } = setup()
    rtc.instead.set(call, never)
    const offer = connection.createOffer()
    const refused = codeOf(offer)
    await env.advance(ENGINE_TIMEOUT)
    expect(await refused).toBe('ERR_ENGINE')
  })

  it.each(['setRemoteDescription', 'createAnswer'])('reject at their deadline while answering: %s', async call => {
    const { env, connection, rtc } = setup()
    rtc.instead.set(call, never)
    const refused = codeOf(connection.createAnswer(OFFER))
    await env.advance(ENGINE_TIMEOUT)
    expect(await refused).toBe('ERR_ENGINE')
  })

  it('reject at once when the connection is closed', async () => {
    const { env, connection, rtc } = setup()
    rtc.instead.set('createOffer', never)
    const refused = codeOf(connection.createOffer())
    await settle(env)
    connection.close()
    expect(await refused).toBe('ERR_CLOSED')
    expect(env.pendingTimers).toBe(0)
  })

  it('reject at once when the connection fails', async () => {
    const { env, connection, rtc } = setup()
    const refused = codeOf(connection.createOffer())
    await settle(env)
    rtc.become('failed')
    expect(await refused).toBe('ERR_ICE_FAILED')
  })

  it('pass an argument to setLocalDescription(), which @roamhq/wrtc requires', async () => {
    const { connection, rtc } = setup()
    rtc.gathered('complete')
    await connection.createOffer()
    expect(rtc.localDescription?.sdp).toContain('v=0')
  })

  it('are retried once on a new connection if the engine file says so', async () => {
    const { connection, opened, rtc } = setup({ retryAnswer: error => error.message.includes('without ICE transport') })
    rtc.instead.set('setRemoteDescription', () => Promise.reject(new Error('Got a remote candidate without ICE transport')))
    await connection.createAnswer(OFFER, { trickle: true })
    expect(opened).toHaveLength(2)
    expect(rtc.closes).toBe(1)
    rtc.become('failed') // events of the first connection are ignored
    expect(connection.state).toBe('new')
  })

  it('report a connection that failed while the answer was applied', async () => {
    const { connection, rtc } = setup()
    rtc.instead.set('setRemoteDescription', () => {
      rtc.connectionState = 'closed'
      return Promise.reject(new Error('Got a remote candidate without ICE transport'))
    })
    await expect(connection.acceptAnswer(OFFER)).rejects.toThrow(withCode('ERR_ICE_FAILED'))
    expect(connection.state).toBe('failed')
  })
})

describe('channels that open together with the connection', () => {
  /** The steps while an answer is applied. */
  async function accept(quirks: Partial<Quirks>) {
    const { connection, rtc } = setup(quirks)
    const steps: string[] = []
    const apply = rtc.setRemoteDescription.bind(rtc)
    rtc.setRemoteDescription = async description => {
      steps.push('answer')
      await apply(description)
      steps.push('answer applied')
    }
    rtc.gathered('complete')
    await connection.createOffer()
    await connection.acceptAnswer(OFFER, () => steps.push(connection.createChannel('further').label))
    return steps
  }

  it('are created after the answer is applied, because a browser numbers them by its DTLS role', async () => {
    expect(await accept({})).toEqual(['answer', 'answer applied', 'further'])
  })

  it('are created before the answer if the engine opens those twice that are created while it connects [X1]', async () => {
    expect(await accept({ opensTwice: true })).toEqual(['further', 'answer', 'answer applied'])
  })

  it('are not created if the engine refuses the answer', async () => {
    const { connection, rtc } = setup()
    rtc.instead.set('setRemoteDescription', () => Promise.reject(new Error('no')))
    await expect(connection.acceptAnswer(OFFER, () => connection.createChannel('further'))).rejects.toThrow(
      withCode('ERR_ENGINE'),
    )
    expect(rtc.channels).toEqual([])
  })
})

describe('the last channel of an engine that tells when both ends have closed it [A8]', () => {
  function closing() {
    const { connection, rtc } = setup({ tellsClosedAtBothEnds: true })
    const channels = ['first', 'second'].map(label => connection.createChannel(label))
    for (const channel of rtc.channels) {
      channel.open()
      channel.close = () => (channel.readyState = 'closing')
    }
    let idle = 0
    connection.on('idle', () => idle++)
    const gone = (at: number) => {
      rtc.channels[at]!.readyState = 'closed'
      rtc.channels[at]!.dispatchEvent(new Event('close'))
    }
    return { connection, channels, gone, idle: () => idle }
  }

  it('makes the connection idle when it has closed at both ends, and not before', () => {
    const { channels, gone, idle } = closing()
    channels[0]!.close()
    gone(0)
    expect(idle()).toBe(0) // the other one is open
    channels[1]!.close()
    expect(idle()).toBe(0)
    gone(1)
    expect(idle()).toBe(1)
  })

  it('makes it idle when the remote end closes it', async () => {
    const { channels, gone, idle } = closing()
    channels[0]!.close()
    gone(0)
    gone(1)
    await settle(new VirtualEnv())
    expect(idle()).toBe(1)
  })

  it('tells nothing when the connection has ended', () => {
    const { connection, channels, gone, idle } = closing()
    channels[0]!.close()
    connection.close()
    gone(0)
    gone(1)
    expect(idle()).toBe(0)
  })
})

describe('an ICE restart', () => {
  const restarts = true

  /** A connected offerer. */
  async function connectedOfferer(quirks: Partial<Quirks> = { restarts }, answer = OFFER) {
    const parts = setup(quirks)
    parts.rtc.gathered('complete')
    await parts.connection.createOffer()
    await parts.connection.acceptAnswer(answer)
    parts.rtc.become('connected')
    return parts
  }

  it('takes new credentials and gathers again, with the same timeout', async () => {
    const { env, connection, rtc } = await connectedOfferer()
    let offer: string | undefined
    void connection.restart().then(text => (offer = text))
    await env.advance(999)
    expect(offer).toBeUndefined()
    await env.advance(1)
    expect(offer).toContain('a=setup:active')
    expect(rtc.iceRestarts).toEqual([false, true])
    const again = connection.restart()
    await settle(env)
    rtc.gathered('complete')
    expect(await again).toContain('a=candidate:')
    await connection.acceptRestart(OFFER)
    expect(await codeOf(connection.acceptRestart(OFFER))).toBe('ERR_ENGINE') // it was answered already
    expect(env.pendingTimers).toBe(0)
  })

  it('does not end with what the engine still tells of the gathering before it', async () => {
    const { env, connection, rtc } = await connectedOfferer()
    const bare = 'v=0\r\na=setup:actpass\r\na=ice-ufrag:new\r\n'
    vi.spyOn(rtc, 'createOffer').mockResolvedValue({ type: 'offer', sdp: bare })
    let offer: string | undefined
    void connection.restart().then(text => (offer = text))
    await settle(env)
    rtc.gather('candidate:1 1 udp 1 198.51.100.1 1 typ host ufrag old')
    rtc.gathered('null candidate')
    rtc.gathered('complete')
    await env.advance(500)
    expect(offer).toBeUndefined()
    rtc.localDescription = { sdp: `${bare}a=candidate:2 1 udp 1 198.51.100.1 2 typ host\r\n` }
    rtc.gather('candidate:2 1 udp 1 198.51.100.1 2 typ host ufrag new')
    await settle(env)
    expect(offer).toContain('a=candidate:2')
    expect(env.pendingTimers).toBe(0)
  })

  it('gathers again on the answering side', async () => {
    const { env, connection, rtc } = setup({ restarts })
    await connection.createAnswer(OFFER, { trickle: true })
    rtc.gathered('complete')
    rtc.become('disconnected')
    let answer: string | undefined
    void connection.answerRestart(OFFER).then(text => (answer = text))
    await settle(env)
    expect(answer).toBeUndefined()
    rtc.gathered('complete')
    await settle(env)
    expect(answer).toContain('a=setup:passive')
    expect(rtc.remote[1]?.sdp).toContain('a=setup:active')
  })

  it('rejects at the deadline of the engine call, and when the connection ends', async () => {
    const { env, connection, rtc } = await connectedOfferer()
    rtc.instead.set('createOffer', never)
    const late = codeOf(connection.restart())
    await env.advance(ENGINE_TIMEOUT)
    expect(await late).toBe('ERR_ENGINE')
    expect(connection.state).toBe('connected')
    const ended = codeOf(connection.restart())
    rtc.become('failed')
    expect(await ended).toBe('ERR_ICE_FAILED')
    expect(await codeOf(connection.acceptRestart(OFFER))).toBe('ERR_ICE_FAILED')
  })

  it('never returns the description of a later restart, and refuses an answer before its offer exists', async () => {
    const { env, connection, rtc } = await connectedOfferer()
    const first = codeOf(connection.restart())
    const second = codeOf(connection.restart())
    await settle(env)
    expect(await codeOf(connection.acceptRestart(OFFER))).toBe('ERR_ENGINE')
    rtc.gathered('complete')
    expect([await first, await second]).toEqual(['ERR_ENGINE', 'none'])
    expect(await codeOf(connection.acceptAnswer(OFFER))).toBe('ERR_ENGINE')
    expect(rtc.remote).toHaveLength(1)
  })

  it('rolls back an unanswered offer before the next one, because Firefox loses the path otherwise', async () => {
    const { env, connection, rtc } = await connectedOfferer()
    const restart = async () => {
      const offer = connection.restart()
      await settle(env)
      rtc.gathered('complete')
      return await offer
    }
    rtc.calls.length = 0
    await restart()
    expect(rtc.calls).toEqual(['createOffer', 'setLocalDescription'])
    await restart()
    expect(rtc.calls.slice(2)).toEqual(['rollback', 'createOffer', 'setLocalDescription'])
    await connection.acceptRestart(OFFER)
    rtc.calls.length = 0
    const overtaken = codeOf(connection.restart())
    await restart()
    expect(await overtaken).toBe('ERR_ENGINE')
    expect(rtc.calls).toEqual(['createOffer', 'setLocalDescription', 'rollback', 'createOffer', 'setLocalDescription'])
    rtc.instead.set('rollback', () => Promise.reject(new Error('not supported')))
    expect(await restart()).toContain('a=candidate:')
  })

  it('is refused without an engine call if either engine cannot restart, such as libdatachannel', async () => {
    const LIBDATACHANNEL = OFFER.replace('v=0', 'v=0\r\no=rtc 1 0 IN IP4 127.0.0.1')
    for (const { connection, rtc } of [await connectedOfferer({}), await connectedOfferer({ restarts }, LIBDATACHANNEL)]) {
      const before = rtc.calls.length
      expect(connection.canRestart).toBe(false)
      expect(await codeOf(connection.restart())).toBe('ERR_ENGINE')
      expect(rtc.calls.length).toBe(before)
    }
  })
})

describe('the SCTP transport', () => {
  it('ends a connection without open channels, and no other', () => {
    const { connection, rtc } = setup()
    const sctp = Object.assign(new EventTarget(), { state: 'connected' })
    Object.assign(rtc, { sctp })
    const channel = connection.createChannel('wire')
    rtc.become('connected')
    rtc.become('disconnected')
    rtc.become('connected')
    sctp.state = 'closed'
    sctp.dispatchEvent(new Event('statechange'))
    expect(connection.state).toBe('connected')
    sctp.state = 'connected'
    channel.close()
    sctp.dispatchEvent(new Event('statechange'))
    expect(connection.state).toBe('connected')
    sctp.state = 'closed'
    sctp.dispatchEvent(new Event('statechange'))
    expect(connection.state).toBe('closed')
  })
})

describe('remote candidates', () => {
  const candidate = (i: number) => ({
    candidate: `candidate:${i} 1 udp 1 198.51.100.7 9 typ host`,
    sdpMid: '0',
    sdpMLineIndex: 0,
  })

  it('wait with those of an offer from this machine, until the first packet of the offerer or for 1 s', async () => {
    const takeOffer = (sdp: string) => ({ sdp, candidates: [candidate(1)] })
    const { env, connection, rtc } = setup({ splitOffer: takeOffer })
    await connection.addCandidate(candidate(2))
    const answer = connection.createAnswer(OFFER)
    await settle(env)
    rtc.gathered('complete')
    await answer
    await connection.addCandidate(candidate(3))
    await env.advance(KNOCK_AFTER - 1)
    expect(rtc.candidates).toEqual([])
    await env.advance(1)
    expect(rtc.candidates).toEqual([1, 2, 3].map(candidate))
    await connection.addCandidate(candidate(4))
    expect(rtc.candidates.length).toBe(4)

    const met = setup({ splitOffer: takeOffer })
    const answered = met.connection.createAnswer(OFFER)
    await settle(met.env)
    met.rtc.gathered('complete')
    await answered
    met.rtc.become('connected')
    await met.env.advance(KNOCK_AFTER)
    expect(met.rtc.candidates).toEqual([])
    connection.close()
    met.connection.close()
  })

  describe('between two swarmlink ends on one machine', () => {
    const ACTIVE = OFFER.replace('actpass', 'active')
    const split = (sdp: string) => ({ sdp, candidates: [candidate(1)] })
    const notices = () => {
      const cancel = vi.fn<() => void>()
      const tellConnected = vi.fn<() => void>()
      let ready: (() => void) | undefined
      return {
        isAvailable: true,
        cancel,
        tellConnected,
        ready: () => ready?.(),
        expect: async (answer: string, _env: unknown, applied: (tell: () => void) => void) => {
          ready = () => applied(tellConnected)
          return { answer: `${answer}a=notices\r\n`, cancel }
        },
        soon: (condition: () => boolean) => condition(),
        tell: (_answer: string, connected: () => void) => {
          ready = connected
          return cancel
        },
      }
    }

    it('wait at the answerer until the offerer has applied the answer; then it says that it is connected [A10]', async () => {
      const both = notices()
      const { env, connection, rtc } = setup({ splitOffer: split, notices: both })
      expect(await answerOf({ env, connection, rtc }, ACTIVE)).toContain('a=notices')
      expect(rtc.remote[0]?.sdp).toContain('a=setup:active') // this end is the DTLS server
      expect(rtc.candidates).toEqual([])
      both.ready()
      expect(rtc.candidates).toEqual([candidate(1)])
      expect(both.tellConnected).not.toHaveBeenCalled()
      rtc.ice('connected')
      rtc.ice('completed')
      expect(both.tellConnected).toHaveBeenCalledOnce()
      expect(both.cancel).toHaveBeenCalled()
      await settle(env)
      expect(env.pendingTimers).toBe(0)
    })

    it('let the answerer say so at once if the first check already made a path [A10]', async () => {
      const both = notices()
      const { env, connection, rtc } = setup({ splitOffer: split, notices: both })
      await connection.addCandidate(candidate(2))
      await answerOf({ env, connection, rtc }, ACTIVE)
      const added: number[] = []
      vi.spyOn(rtc, 'addIceCandidate').mockImplementation(async () => {
        added.push(both.tellConnected.mock.calls.length)
        rtc.iceConnectionState = 'connected'
      })
      both.ready()
      expect(added).toEqual([0, 1]) // between the first candidate and the second
      connection.close()
    })

    it('wait at the offerer until the answerer is connected, or for 1 s [A10]', async () => {
      for (const isTold of [true, false]) {
        const both = notices()
        const { env, connection, rtc } = setup({ splitAnswer: split, notices: both })
        const offered = connection.createOffer()
        await settle(env)
        rtc.gathered('complete')
        await offered
        await connection.acceptAnswer(OFFER)
        expect(rtc.remote).toHaveLength(1)
        expect(rtc.candidates).toEqual([])
        if (isTold) both.ready()
        else await env.advance(KNOCK_AFTER)
        expect(rtc.candidates).toEqual([candidate(1)])
        connection.close()
        await settle(env)
        expect(both.cancel).toHaveBeenCalled()
        expect(env.pendingTimers).toBe(0)
      }
    })

    it('wait for the first packet of a stock offerer, whose answerer is the DTLS client [A10]', async () => {
      const both = notices()
      const { env, connection, rtc } = setup({ splitOffer: split, notices: both })
      expect(await answerOf({ env, connection, rtc }, OFFER)).not.toContain('a=notices')
      expect(rtc.remote[0]?.sdp).toContain('a=setup:actpass')
      connection.close()
    })

    it('tell nothing at the offerer if the connection closes as soon as the engine has the answer', async () => {
      for (let turns = 0; turns < 20; turns++) {
        const both = notices()
        const { env, connection, rtc } = setup({ splitAnswer: split, notices: both })
        const offered = connection.createOffer()
        await settle(env)
        rtc.gathered('complete')
        await offered
        const tell = vi.spyOn(both, 'tell')
        const accepted = connection.acceptAnswer(OFFER).catch(() => {})
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        connection.close()
        await accepted
        await settle(env)
        expect(both.cancel).toHaveBeenCalledTimes(tell.mock.calls.length)
        expect(env.pendingTimers).toBe(0)
      }
    })

    it('wait for the first packet, too, where this process has no socket for notices [A10]', async () => {
      const { env, connection, rtc } = setup({ splitOffer: split, notices: { ...notices(), isAvailable: false } })
      expect(await answerOf({ env, connection, rtc }, ACTIVE)).not.toContain('a=notices')
      expect(rtc.remote[0]?.sdp).toContain('a=setup:actpass')
      connection.close()
    })

    it('end the wait with the connection, also if it closes while the notice is prepared', async () => {
      const both = notices()
      const { env, connection, rtc } = setup({ splitOffer: split, notices: both })
      const answered = connection.createAnswer(ACTIVE)
      await settle(env)
      rtc.gathered('complete')
      const closing = vi.spyOn(both, 'expect').mockImplementation(async answer => {
        connection.close()
        return { answer, cancel: both.cancel }
      })
      await answered.catch(() => {})
      expect(closing).toHaveBeenCalled()
      expect(both.cancel).toHaveBeenCalled()
      expect(env.pendingTimers).toBe(0)
    })
  })

  it('follow after 4 ms if the answerer has knocked, because a thread that has slept is not preempted [A10]', async () => {
    const { env, connection, rtc } = setup({ hasKnocked: () => true })
    const offered = connection.createOffer()
    await settle(env)
    rtc.gathered('complete')
    await offered
    const accepted = connection.acceptAnswer(OFFER)
    await env.advance(REST - 1)
    expect(rtc.remote).toEqual([])
    await env.advance(1)
    await accepted
    expect(rtc.remote).toHaveLength(1)
    connection.close()
  })

  it('wait for the description, at most 20 of them, with places for those that are not host candidates', async () => {
    const { env, connection, rtc } = setup()
    for (let i = 0; i < 30; i++) await connection.addCandidate(candidate(i))
    for (let i = 0; i < 10; i++)
      await connection.addCandidate({ ...candidate(i), candidate: `candidate:9 1 udp 1 192.0.2.9 ${1 + i} typ relay` })
    expect(rtc.candidates).toHaveLength(0)
    await connection.createAnswer(OFFER, { trickle: true })
    await settle(env)
    expect(rtc.candidates).toHaveLength(20)
  })

  it('are ignored if they have a host name', async () => {
    const { connection, rtc } = setup()
    await connection.acceptAnswer(OFFER)
    await connection.addCandidate({ candidate: 'candidate:1 1 udp 1 tracker.example 9 typ host', sdpMid: '0' })
    await connection.addCandidate(candidate(1))
    expect(rtc.candidates).toEqual([candidate(1)])
  })

  it('that the engine refuses do not affect the others', async () => {
    const { connection, rtc } = setup()
    await connection.acceptAnswer(OFFER)
    rtc.instead.set('addIceCandidate', () => Promise.reject(new Error('no')))
    await connection.addCandidate(candidate(1))
    rtc.instead.clear()
    await connection.addCandidate(candidate(2))
    expect(rtc.candidates).toHaveLength(1)
  })
})

describe('states', () => {
  it('come from ICE alone if an engine has no connectionState', () => {
    const { connection, rtc } = setup()
    const seen: string[] = []
    connection.on('state', state => seen.push(state))
    delete rtc.connectionState
    for (const state of ['checking', 'connected', 'completed', 'disconnected', 'failed']) {
      rtc.iceConnectionState = state
      rtc.dispatchEvent(new Event('iceconnectionstatechange'))
    }
    expect(seen).toEqual(['connecting', 'connected', 'disconnected', 'failed'])
  })

  it('become failed after 30 s of disconnected', async () => {
    const { env, connection, rtc } = setup()
    rtc.become('connected')
    rtc.become('disconnected')
    await env.advance(DISCONNECTED_DEADLINE - 1)
    expect(connection.state).toBe('disconnected')
    rtc.become('connected')
    await env.advance(DISCONNECTED_DEADLINE)
    expect(connection.state).toBe('connected')
    rtc.become('disconnected')
    await env.advance(DISCONNECTED_DEADLINE)
    expect(connection.state).toBe('failed')
    expect(rtc.closes).toBe(1)
  })

  it('are failed for a connection that closed before it was established, and closed after', () => {
    for (const [before, after] of [
      ['connecting', 'failed'],
      ['connected', 'closed'],
    ] as const) {
      const { connection, rtc } = setup()
      rtc.become(before)
      rtc.become('closed')
      expect(connection.state).toBe(after)
    }
  })

  it('are emitted once and never after closed; channels close once, before the connection', () => {
    const { connection, rtc } = setup()
    const seen: string[] = []
    const channel = connection.createChannel('wire')
    channel.on('close', () => seen.push('channel'))
    connection.on('state', state => seen.push(state))
    rtc.become('failed')
    connection.close()
    connection.close()
    rtc.become('connected')
    expect(seen).toEqual(['channel', 'failed', 'closed'])
    expect([rtc.channels[0]?.closes, rtc.closes]).toEqual([1, 1])
    expect(connection.listenerCount()).toBe(0)
  })

  it('become failed if a probe finds the engine connection closed', () => {
    const { connection, rtc } = setup()
    rtc.become('connected')
    connection.probe()
    expect(connection.state).toBe('connected')
    rtc.connectionState = 'closed'
    connection.probe()
    expect(connection.state).toBe('failed')
  })

  it('are connected when a channel opens', () => {
    const { connection, rtc } = setup()
    const channel = connection.createChannel('wire')
    let state: string | undefined
    channel.on('open', () => (state = connection.state))
    rtc.become('connecting')
    rtc.channels[0]?.open()
    expect(state).toBe('connected')
    rtc.become('connecting') // an outdated event
    expect(connection.state).toBe('connected')
  })
})

describe('an incoming channel of an engine that reports it too early [E4]', () => {
  /** A connection whose channel confirmations the test settles. */
  function setupConfirmed() {
    const asked: Array<{ resolve: () => void; reject: (error: Error) => void }> = []
    const parts = setup({
      confirmChannel: () => {
        let [resolve, reject]: [() => void, (error: Error) => void] = [() => {}, () => {}]
        const promise = new Promise<void>((...both) => ([resolve, reject] = both))
        asked.push({ resolve, reject })
        return promise
      },
    })
    const open: string[] = []
    parts.connection.on('channel', channel => channel.on('open', () => open.push(channel.label)))
    const incoming = (label: string) => Object.assign(parts.rtc.incoming(label), { readyState: 'open' })
    return { ...parts, asked, open, incoming }
  }

  it('opens when the engine has confirmed it, while an own channel needs no confirmation', async () => {
    const { env, connection, rtc, asked, open, incoming } = setupConfirmed()
    incoming('theirs')
    const own = connection.createChannel('ours')
    rtc.channels[0]?.open()
    await settle(env)
    expect([asked.length, open, own.state, connection.state]).toEqual([1, [], 'open', 'connected'])
    asked[0]?.resolve()
    await settle(env)
    expect(open).toEqual(['theirs'])
    expect(env.pendingTimers).toBe(0)
  })

  it('shares a confirmation with the channels that came before the check, and with no later one', async () => {
    const { env, asked, open, incoming } = setupConfirmed()
    for (const label of ['a', 'b']) incoming(label)
    await settle(env)
    for (const label of ['c', 'd']) incoming(label)
    await settle(env)
    expect(asked.length).toBe(1)
    asked[0]?.resolve()
    await settle(env)
    expect([asked.length, open]).toEqual([2, ['a', 'b']])
    asked[1]?.resolve()
    await settle(env)
    expect([asked.length, open]).toEqual([2, ['a', 'b', 'c', 'd']])
  })

  it('opens if the confirmation fails, or at its deadline', async () => {
    const { env, asked, open, incoming } = setupConfirmed()
    incoming('refused')
    await settle(env)
    asked[0]?.reject(new Error('no statistics'))
    await settle(env)
    expect(open).toEqual(['refused'])
    incoming('mute')
    await env.advance(ENGINE_TIMEOUT - 1)
    expect(open).toEqual(['refused'])
    await env.advance(1)
    expect(open).toEqual(['refused', 'mute'])
  })

  it('stays closed when the connection is closed', async () => {
    const { env, connection, open, incoming } = setupConfirmed()
    incoming('theirs')
    await settle(env)
    connection.close()
    await settle(env)
    expect([open, env.pendingTimers]).toEqual([[], 0])
  })
})

it('has at most 511 channels, own and incoming ones together', () => {
  const { connection, rtc } = setup()
  let arrived = 0
  connection.on('channel', () => arrived++)
  for (let i = 0; i < MAX_CHANNELS; i++) rtc.incoming(`${i}`)
  expect(rtc.incoming('one more').closes).toBe(1)
  expect(arrived).toBe(MAX_CHANNELS)
  expect(() => connection.createChannel('ours')).toThrow(withCode('ERR_ENGINE'))
})

it('does not let an engine modify the configuration of the application', () => {
  const server = { urls: 'stun:198.51.100.1' }
  const rtcConfig = { iceServers: [server] }
  const open = (config: RTCConfiguration) => {
    for (const given of config.iceServers ?? []) given.urls = ['changed']
    return new FakeRtc()
  }
  const connection = new W3cConnection({ name: 'fake', open }, { rtcConfig, gatherTimeout: 1, env: new VirtualEnv() })
  expect(server.urls).toBe('stun:198.51.100.1')
  connection.close()
})

it('throws ERR_ENGINE if the engine refuses the configuration', () => {
  const open = () => {
    throw new TypeError('iceServers cannot be null')
  }
  expect(() => new W3cConnection({ name: 'fake', open }, { rtcConfig: {}, gatherTimeout: 1, env: new VirtualEnv() })).toThrow(
    withCode('ERR_ENGINE'),
  )
})

it('ignores an incoming channel that was destroyed already', () => {
  const { connection, rtc } = setup()
  let arrived = 0
  connection.on('channel', () => arrived++)
  const gone = Object.defineProperty(new EventTarget(), 'bufferedAmountLowThreshold', {
    set() {
      throw new Error('setBufferedAmountLowThreshold() called on destroyed channel')
    },
  })
  rtc.dispatchEvent(Object.assign(new Event('datachannel'), { channel: gone }))
  expect(arrived).toBe(0)
  expect(connection.state).toBe('new')
})

describe('candidates of both ends', () => {
  const OWN = 'candidate:1 1 udp 2 198.51.100.1 4000 typ host'
  const LATE = 'candidate:2 1 udp 1 198.51.100.2 4001 typ srflx raddr 0.0.0.0 rport 0'

  async function connecting() {
    const all = setup()
    const offer = all.connection.createOffer({ trickle: true })
    await offer
    all.rtc.gather(`a=${OWN}`)
    await all.connection.acceptAnswer(`${OFFER}a=candidate:9 1 udp 2 198.51.100.2 4000 typ host\r\n`)
    await all.connection.addCandidate({ candidate: LATE, sdpMid: '0' })
    return all
  }

  it('are known until ICE connects, and after the connection has failed [A5]', async () => {
    const { connection, rtc } = await connecting()
    const known = connection.candidates
    expect(known.local).toContain(OWN)
    expect(known.remote).toContain('198.51.100.2 4000 typ host')
    expect(known.remote).toContain(LATE)
    rtc.become('failed')
    expect(connection.candidates).toEqual(known)
  })

  it.each(['connected', 'completed'])('are dropped when ICE is %s [A5]', async state => {
    const { connection, rtc } = await connecting()
    rtc.ice(state)
    rtc.gather(OWN)
    expect(connection.candidates).toEqual({ local: '', remote: '' })
  })
})

it('lets the answerer be the DTLS client where its engine needs that, of own and stock offers [A10]', async () => {
  const asked: RTCConfiguration[] = []
  const answersAsDtlsClient = (config: RTCConfiguration) => asked.push(config) > 0
  for (const setupLine of ['active', 'actpass']) {
    const { connection, rtc } = setup({ answersAsDtlsClient })
    await connection.createAnswer(`v=0\r\na=setup:${setupLine}\r\n`, { trickle: true })
    expect(rtc.remote.map(({ sdp }) => sdp)).toEqual([expect.stringContaining('a=setup:actpass')])
  }
  expect(asked).toHaveLength(2)
})

describe('a filter for remote candidates', () => {
  it('edits descriptions and candidates for the engine, and may add candidates when it gets a local one [A10]', async () => {
    const later = { candidate: 'candidate:7 1 udp 1 10.0.2.2 7 typ host', sdpMid: '0', sdpMLineIndex: 0 }
    const guardTurn = () => ({
      description: (sdp: string) => `${sdp}a=filtered\r\n`,
      candidate: (init: RTCIceCandidateInit) => ({ ...init, candidate: `${init.candidate} filtered` }),
      gathered: (candidate: string) => (candidate.includes('relay') ? [later] : []),
    })
    const { env, connection, rtc } = setup({ guardTurn })
    await connection.createAnswer(OFFER, { trickle: true })
    await connection.addCandidate({ candidate: 'candidate:1 1 udp 1 10.0.2.2 1 typ host', sdpMid: '0' })
    rtc.gather('candidate:2 1 udp 1 198.51.100.1 2 typ srflx')
    rtc.gather('candidate:3 1 udp 1 10.0.0.5 3 typ relay')
    await settle(env)
    expect(rtc.remote.map(({ sdp }) => sdp)).toEqual([expect.stringContaining('a=filtered')])
    expect(rtc.candidates.map(({ candidate }) => candidate)).toEqual([
      'candidate:1 1 udp 1 10.0.2.2 1 typ host filtered',
      `${later.candidate} filtered`,
    ])
  })
})
