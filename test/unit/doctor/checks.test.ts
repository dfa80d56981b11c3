import { describe, expect, it } from 'vitest'
import { checkConnection, checkData, checkIdentity, checkNode, checkWebRtc } from '../../../src/doctor/checks.js'
import { examine, type Servers } from '../../../src/doctor/doctor.js'
import { explain } from '../../../src/doctor/explain.js'
import type { CheckName, Context, Outcome } from '../../../src/doctor/finding.js'
import type { ImportTrial, TryImport } from '../../../src/doctor/import-trial.js'
import { checkNat } from '../../../src/doctor/stun-check.js'
import type { StunAnswer } from '../../../src/doctor/stun-client.js'
import { checkTracker } from '../../../src/doctor/tracker-check.js'
import { checkTurn } from '../../../src/doctor/turn-check.js'
import { checkWebTorrent } from '../../../src/doctor/webtorrent-check.js'
import { FakeNet, type Fault } from '../../support/fakes/fake-engine.js'
import { FakeTracker } from '../../support/fakes/fake-tracker.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const TIMEOUT = 2_000
const LOADS = { name: 'node-datachannel', version: '0.33.4', loads: true }
const BROKEN = { name: '@roamhq/wrtc', version: '0.10.0', loads: false }
const MISSING = { name: '@roamhq/wrtc', version: undefined, loads: false }

function setUp(values: Partial<Context> = {}) {
  const env = new VirtualEnv()
  const engine = new FakeNet(env).engine()
  const context: Context = {
    env,
    timeout: TIMEOUT,
    engines: { used: engine, found: [LOADS, MISSING] },
    node: { version: '20.19.0', needed: '>=20.19' },
    place: { runtime: 'Node', version: '20.19.0', manager: 'npm', pins: { 'node-datachannel': '0.33.4' } },
    webtorrent: { needed: '>=3.0.0', folder: '/app', tryImport: () => Promise.resolve({ outcome: 'missing' }) },
    ...values,
  }
  /** Runs a check and measures its time; asserts that no connection and no timer is left. */
  const find = async (check: (context: Context) => Promise<Outcome>): Promise<Outcome & { took: number }> => {
    let outcome: Outcome | undefined
    const began = env.now()
    void check(context)
      .catch(explain)
      .then(found => (outcome = found))
    await env.until(() => outcome !== undefined)
    if (outcome === undefined) throw new Error('unreachable: until() returned')
    const took = env.now() - began
    await env.advance(1_000)
    expect(engine.alive).toEqual([])
    expect(env.pendingTimers).toBe(0)
    return { ...outcome, took }
  }
  return { env, engine, context, find }
}

describe('checks of this machine [X8]', () => {
  it.each([
    ['20.19.0', 'works'],
    ['20.20.1', 'works'],
    ['22.0.0', 'works'],
    ['20.18.9', 'fails'],
    ['18.99.0', 'fails'],
  ])('says that Node %s %s', async (version, verdict) => {
    expect(await checkNode(setUp({ node: { version, needed: '>=20.19' } }).context)).toMatchObject({ verdict })
  })

  it('name Bun and Deno, and what WebTorrent needs there [X8]', async () => {
    const { context } = setUp({
      node: { version: '26.3.0', needed: '>=20.19' },
      place: { runtime: 'Bun', version: '1.4.5', manager: 'Bun', pins: {} },
      webtorrent: {
        needed: '>=3.0.0',
        folder: '/app',
        tryImport: () => Promise.resolve({ outcome: 'imported', version: '3.0.21' }),
      },
    })
    expect(await checkNode(context)).toMatchObject({ says: 'this is Bun 1.4.5, with the interfaces of Node 26.3.0' })
    expect(await checkWebTorrent(context)).toMatchObject({ verdict: 'works', advice: expect.stringContaining('utp: false') })
  })

  it('say which WebRTC package is used and which others load', async () => {
    const { context } = setUp()
    expect(await checkWebRtc(context)).toMatchObject({
      verdict: 'works',
      says: 'fake is used in the main thread (node-datachannel 0.33.4 loads, @roamhq/wrtc is not installed)',
    })
    const none = { used: undefined, found: [{ ...LOADS, loads: false }, BROKEN] }
    expect(await checkWebRtc({ ...context, engines: none })).toMatchObject({
      verdict: 'fails',
      says: expect.stringMatching(/none here .*0\.33\.4 cannot be loaded.*0\.10\.0 cannot be loaded/),
      advice: expect.stringMatching(/Install node-datachannel \(npm install node-datachannel@0\.33\.4\)/),
    })
  })

  it('say in which thread WebRTC works, and do not advise to install an installed package [X8]', async () => {
    const { context } = setUp()
    const obstacle = 'WebRTC works in the main thread only: use it there'
    const found = [{ ...LOADS, loads: false, obstacle }, MISSING]
    expect(await checkWebRtc({ ...context, engines: { used: undefined, found } })).toMatchObject({
      verdict: 'fails',
      says: expect.stringMatching(/node-datachannel 0\.33\.4 must not be loaded in this thread/),
      advice: obstacle,
    })
  })

  it('fail at once without WebRTC', async () => {
    const { context, find } = setUp()
    const without = { ...context, engines: { used: undefined, found: [] } }
    const turn = { url: 'turn:x.test', username: 'u', credential: 'c' }
    for (const check of [checkConnection, checkData, (its: Context) => checkTurn(its, turn)])
      expect(await find(() => check(without))).toMatchObject({
        verdict: 'fails',
        says: 'there is no WebRTC to try it with',
        took: 0,
      })
  })

  it('connect two ends, and send data there and back', async () => {
    const { find } = setUp()
    expect(await find(checkConnection)).toMatchObject({ verdict: 'works', facts: { ms: expect.any(Number) } })
    expect(await find(checkData)).toMatchObject({ verdict: 'works', says: expect.stringMatching(/^64 KiB went there and back/) })
  })

  it.each<[Fault, RegExp]>([
    ['create', /refused to create/],
    ['describe', /^the engine/],
    ['accept', /^the engine/],
    ['mute', /not done within 2 s$/],
    ['ice', /not done within 2 s$/],
  ])('fail within the timeout if an engine does not connect: %s', async (fault, says) => {
    const { engine, find } = setUp()
    engine.fault = () => fault
    const { took, ...outcome } = await find(checkConnection)
    expect(outcome).toMatchObject({ verdict: 'fails', says: expect.stringMatching(says) })
    expect(took).toBeLessThanOrEqual(TIMEOUT)
  })

  it('fail before the timeout if the connection fails', async () => {
    const { engine, find } = setUp({ timeout: 60_000 })
    engine.fault = () => 'ice'
    expect(await find(checkConnection)).toMatchObject({ verdict: 'fails', says: 'the two ends do not reach each other' })
  })

  it.each<Fault>(['mute', 'ice'])('retry with another pair if the first one loses its handshake: %s [X8]', async fault => {
    const { engine, find } = setUp()
    engine.fault = nth => (nth < 2 ? fault : undefined)
    expect(await find(checkConnection)).toMatchObject({ verdict: 'works' })
  })

  it('fail if a TURN server allocates no address', async () => {
    const { find } = setUp()
    const server = { url: 'turn:x.test', username: 'u', credential: 'wrong' }
    expect(await find(context => checkTurn(context, server))).toMatchObject({ verdict: 'fails', says: 'lends no address' })
  })

  it('fail at the timeout if a TURN server does not answer', async () => {
    const { engine, find } = setUp()
    engine.fault = () => 'mute'
    const server = { url: 'turn:x.test', username: 'u', credential: 'c' }
    expect(await find(context => checkTurn(context, server))).toMatchObject({
      verdict: 'fails',
      says: 'lends no address within 2 s',
      took: TIMEOUT,
    })
  })

  it('verify an own signature', async () => {
    expect(await checkIdentity(setUp().context)).toMatchObject({ verdict: 'works' })
  })

  it.each<[string, ImportTrial, object]>([
    ['works', { outcome: 'imported', version: '3.0.21' }, { says: '3.0.21', facts: { version: '3.0.21', folder: '/app' } }],
    ['works', { outcome: 'imported', version: undefined }, { says: 'it can be imported' }],
    ['fails', { outcome: 'imported', version: '2.5.1' }, { says: '2.5.1 is too old', advice: 'swarmlink needs >=3.0.0' }],
    [
      'limited',
      { outcome: 'missing' },
      {
        says: 'not found by a program in /app',
        advice: expect.stringMatching(/^Torrents need it: first write .* into package\.json, then run npm install webtorrent\./),
      },
    ],
    [
      'fails',
      { outcome: 'broken', reason: "Cannot find module 'x.node'" },
      {
        says: "it is there, but a program in /app cannot import it (Cannot find module 'x.node')",
        advice: expect.stringContaining('overrides'),
      },
    ],
  ])('say that WebTorrent %s if a program of the application gets %j [X8]', async (verdict, trial, outcome) => {
    const asked: unknown[] = []
    const tryImport: TryImport = (...args) => {
      asked.push(args)
      return Promise.resolve(trial)
    }
    const { context } = setUp({ webtorrent: { needed: '>=3.0.0', folder: '/app', tryImport } })
    expect(await checkWebTorrent(context)).toMatchObject({ verdict, ...outcome })
    expect(asked).toEqual([['webtorrent', '/app', 20_000]])
  })

  it('name an engine that loads without a known version, as under Yarn PnP [X8]', async () => {
    const found = [{ ...LOADS, version: undefined }, MISSING]
    const { context } = setUp()
    expect(await checkWebRtc({ ...context, engines: { ...context.engines, found } })).toMatchObject({
      says: 'fake is used in the main thread (node-datachannel loads, @roamhq/wrtc is not installed)',
    })
  })

  it('hide the secrets of servers, also in errors of engines [X8]', async () => {
    const { env, context } = setUp()
    env.dial = url => Promise.reject(new Error(`nothing listens at ${url}`))
    const tracker = 'wss://me:secret@x.test/announce?passkey=secret'
    const turn = { url: 'turn:me:secret@x.test', username: 'me', credential: 'secret' }
    let found: string | undefined
    const servers = { trackers: [tracker], stun: [], turn: [turn], anyOf: new Set<CheckName>() }
    void Promise.all(examine(context, servers)).then(groups => (found = JSON.stringify(groups)))
    await env.until(() => found !== undefined)
    expect(found).not.toContain('secret')
    expect(found).toMatch(/"server":"wss:\/\/x\.test#\w{8}"/)
    expect(found).toMatch(/"server":"turn:x\.test#\w{8}"/)
    const { says } = explain(new Error('bad server turn:me:secret@x.test, \u001b[2J\u202e'))
    expect(says).toMatch(/^bad server turn:x\.test#\w{8}, \[2J$/)
  })
})

describe('the check of a tracker [X8]', () => {
  function withTracker() {
    const all = setUp()
    const server = new FakeTracker(all.env)
    all.env.dial = server.dial
    const find = (url = server.url) => all.find(context => checkTracker(context, url))
    return { ...all, server, find }
  }

  it('works if the tracker answers an announcement, and announces `stopped`', async () => {
    const { server, find } = withTracker()
    expect(await find()).toMatchObject({
      verdict: 'works',
      says: 'connected after 10 ms, answered 10 ms later: seeders 0, leechers 1, asks for an announcement every 120 s',
      facts: { connectMs: 10, answerMs: 10, complete: 0, incomplete: 1, intervalMs: 120_000 },
    })
    expect(server.announces.map(({ event, offers }) => [event, offers])).toEqual([
      ['started', 0],
      ['stopped', 0],
    ])
    expect(server.connections).toBe(0)
    expect(server.complaints).toEqual([])
  })

  it('fails at the timeout if the tracker accepts the connection and does not answer', async () => {
    const { server, find } = withTracker()
    server.muted = true
    expect(await find()).toMatchObject({ verdict: 'fails', says: expect.stringMatching(/^takes the connection/), took: TIMEOUT })
    expect(server.connections).toBe(0)
  })

  it('fails at the timeout if the tracker accepts no connection', async () => {
    const { env, find } = withTracker()
    env.dial = (_url, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    expect(await find()).toMatchObject({ verdict: 'fails', says: 'there is no connection within 2 s', took: TIMEOUT })
  })

  it('fails at once if the connection is refused', async () => {
    const { server, find } = withTracker()
    server.stop()
    const { took, ...outcome } = await find()
    expect(outcome).toMatchObject({ verdict: 'fails', says: expect.stringMatching(/refused$/) })
    expect(took).toBeLessThan(100)
  })

  it('reports the failure reason of the tracker', async () => {
    const { env, server, find } = withTracker()
    server.muted = true
    const complain = () => server.inject({ 'failure reason': 'members only' })
    env.timer(50, complain)
    expect(await find()).toMatchObject({ verdict: 'fails', says: expect.stringMatching(/says: members only$/) })
  })

  it('needs one working tracker of the public list, but all that were named', async () => {
    const { env, server, context } = withTracker()
    const verdicts = async (trackers: string[], anyOf: Servers['anyOf']) => {
      let found: string[] | undefined
      void Promise.all(examine(context, { trackers, stun: [], turn: [], anyOf })).then(
        groups => (found = groups.flat().flatMap(({ check, verdict }) => (check === 'tracker' ? [verdict] : []))),
      )
      await env.until(() => found !== undefined)
      return found
    }
    const [good, bad] = [server.url, 'ws://bad.test/']
    expect(await verdicts([bad, good], new Set(['tracker']))).toEqual(['limited', 'works'])
    expect(await verdicts([bad, good], new Set())).toEqual(['fails', 'works'])
    expect(await verdicts([bad], new Set(['tracker']))).toEqual(['fails'])
  })
})

describe('the check of the NAT [X8]', () => {
  const answer = (server: string, address: string, port: number): Promise<StunAnswer> =>
    Promise.resolve({ server, mapped: { address, port }, ms: 1 })
  const silence = () => Promise.reject<StunAnswer>(new Error('no answer'))
  const [ONE, TWO] = ['192.0.2.1', '192.0.2.2']
  const US = '198.51.100.7'

  it.each<[string, () => Array<Promise<StunAnswer>>, string, string]>([
    ['one address for all servers', () => [answer(ONE, US, 5), answer(TWO, US, 5), silence()], 'works', 'same'],
    ['another port for each server', () => [answer(ONE, US, 5), answer(TWO, US, 6)], 'limited', 'per-destination'],
    ['another address for each server', () => [answer(ONE, US, 5), answer(TWO, '198.51.100.8', 5)], 'limited', 'per-destination'],
    ['two ports of one server', () => [answer(ONE, US, 5), answer(ONE, US, 6)], 'limited', 'per-destination'],
    ['an address of this machine', () => [answer(ONE, '10.0.0.1', 5), silence()], 'works', 'none'],
    ['one answer', () => [answer(ONE, US, 5), silence()], 'limited', 'unknown'],
    ['two names of one server', () => [answer(ONE, US, 5), answer(ONE, US, 5)], 'limited', 'unknown'],
    ['no answer', () => [silence(), silence()], 'limited', 'unknown'],
    [
      'IPv6 answers besides IPv4 answers',
      () => [answer(ONE, US, 5), answer('2001:db8::1', '2001:db8::7', 6), answer(TWO, US, 5)],
      'works',
      'same',
    ],
  ])('finds the kind of NAT from %s', async (_what, answers, verdict, mapping) => {
    expect(await checkNat(answers(), new Set(['10.0.0.1', '127.0.0.1']))).toMatchObject({ verdict, facts: { mapping } })
  })
})
