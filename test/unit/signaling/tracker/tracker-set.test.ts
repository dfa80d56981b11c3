import { expect, test } from 'vitest'
import { serverName } from '../../../../src/signaling/url.js'
import { TrackerSet } from '../../../../src/signaling/tracker/tracker-set.js'
import { dialAll, FakeTracker } from '../../../support/fakes/fake-tracker.js'
import { RecordingListener } from '../../../support/fakes/fake-tracker-listener.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const topic = 'aa'.repeat(20)

test('keeps one tracker per URL in normal form, and wakes and closes all together [A6]', async () => {
  const env = new VirtualEnv()
  const servers = ['ws://one.test/', 'ws://two.test/'].map(url => new FakeTracker(env, { url }))
  env.dial = dialAll(servers)
  const warned: string[] = []
  const set = new TrackerSet(env, (_error, tracker) => warned.push(tracker.name))
  const one = set.get('ws://one.test')
  expect(set.get('WS://ONE.test/#x')).toBe(one)
  expect(() => set.get('http://one.test')).toThrow('ws: or wss:')
  const two = set.get('ws://two.test')

  servers[1]?.stop()
  const listeners = [one, two].map(tracker => {
    const listener = new RecordingListener()
    tracker.subscribe(topic, listener)
    return listener
  })
  await env.advance(100_000)
  expect(set.statuses().map(({ url, state }) => [url, state])).toEqual([
    ['ws://one.test', 'open'],
    ['ws://two.test', 'waiting'],
  ])
  expect(new Set(warned)).toEqual(new Set(['ws://two.test']))
  servers[1]?.start()
  set.wake()
  await env.advance(100)
  expect(listeners.map(({ log }) => log)).toEqual([['open'], ['open']])

  await set.close()
  await env.advance(100)
  expect([servers[0]?.connections, servers[1]?.connections, env.pendingTimers]).toEqual([0, 0, 0])
  expect(set.statuses().every(({ state }) => state === 'closed')).toBe(true)
})

test('dials a tracker with the secrets of its URL, and names it without them everywhere [X5]', async () => {
  const env = new VirtualEnv()
  const urls = ['ws://me:secret@one.test/a?key=secret', 'ws://one.test/secret/announce']
  const dialled: string[] = []
  env.dial = url => {
    dialled.push(url)
    return Promise.reject(new Error(`nothing listens at ${url}`))
  }
  const warnings: string[] = []
  const set = new TrackerSet(env, ({ message }, { name }) => warnings.push(`${name}: ${message}`))
  const [one, other] = urls.map(url => set.get(url))
  expect(set.get(urls[0] ?? '')).toBe(one)
  expect([one?.url, other?.url]).toEqual(urls)
  for (const tracker of [one, other]) tracker?.subscribe(topic, new RecordingListener())
  await env.advance(500)
  expect(dialled.toSorted()).toEqual(urls)
  const names = urls.map(serverName)
  expect(new Set(names).size).toBe(2)
  expect(set.statuses().map(({ url }) => url)).toEqual(names)
  expect(warnings).toHaveLength(2)
  expect(warnings.join()).toContain(`no connection to the tracker ${names[0]}: nothing listens at ${names[0]}`)
  expect(warnings.join()).not.toContain('secret')
  await set.close()
})
