/** Calls every function and class that an application can import with wrong arguments. */
import { afterAll, describe, expect, test } from 'vitest'
import * as swarmlink from '../../src/index.js'
import * as rooms from '../../src/room.js'
import * as signaling from '../../src/signaling/index.js'
import * as nats from '../../src/signaling/drivers/nats-driver.js'
import * as server from '../../src/signaling/server/signal-server.js'

/** Without type checks, as in JavaScript. */
type Loose = new (...args: unknown[]) => unknown
type LooseFunction = (...args: unknown[]) => unknown

const URL = 'ws://127.0.0.1:9'
const TOPIC = swarmlink.topicOf('a topic')
const ends = { localPeerId: 'a', remotePeerId: 'b' }
const client = () => ({ peerId: 'x', torrents: [], tracker: {}, on: () => {}, removeListener: () => {} })
const make = (what: unknown, ...args: unknown[]) => new (what as Loose)(...args)
const call = (what: unknown, ...args: unknown[]) => (what as LooseFunction)(...args)
const closed: Array<() => unknown> = []
afterAll(async () => {
  for (const close of closed) await close()
})

/** Wrong values of numbers, options objects and texts. */
const NO_NUMBERS = [null, Number.NaN, Number.POSITIVE_INFINITY, -1, '5', [], {}, 5n, true]
const NO_OPTIONS = [null, 5, 'x', [], new Map(), () => {}]
const NO_TEXTS = [undefined, null, '', 5, [], {}, Symbol('x')]
const NO_RTC = [
  ...[null, [], 'relay', 5].map(rtcConfig => ({ rtcConfig })),
  ...[null, {}, 'stun:a', [5], ['stun:a'], [null], [{}], [{ urls: [] }], [{ urls: 'http://a' }]].flatMap(iceServers => [
    { iceServers },
    { rtcConfig: { iceServers } },
  ]),
  { iceServers: [{ urls: 'turn:a', username: 5, credential: 'x' }] },
]
const NO_ENGINE = [null, {}, 'node-datachannel', [], { RTCPeerConnection: 5 }].map(wrtc => ({ wrtc }))
const NO_CREDENTIALS = [null, {}, [], 'peer.json', { peerId: 'x' }, { load: () => {} }].map(credentials => ({ credentials }))
const NO_SIGNALING = [null, {}, 'ws://a', [null], [{}], [5]].map(given => ({ signaling: given }))
const numbers = (...names: string[]) => names.flatMap(name => NO_NUMBERS.map(value => ({ [name]: value })))
const NO_FLAGS = (...names: string[]) => names.flatMap(name => [null, 1, 'yes', []].map(value => ({ [name]: value })))

const managerOptions = [
  ...NO_OPTIONS,
  { tracker: [] },
  ...numbers('maxPeersPerTorrent', 'maxConnections', 'refreshInterval', 'announceInterval', 'maxAnnounceInterval', 'numwant'),
  ...numbers('backoffMultiplier', 'maxMessageSize', 'maxJsonSize', 'gatherTimeout'),
  ...NO_FLAGS('requireIdentity', 'takeover', 'exchange', 'debug'),
  ...[null, 'ws://a', {}, [null], ['http://a'], ['']].map(trackers => ({ trackers })),
  ...[null, true, 'yes', {}].map(verify => ({ verify })),
  ...[null, 1, 'yes', {}].map(share => ({ share })),
  ...NO_RTC,
  ...NO_ENGINE,
  ...NO_CREDENTIALS,
  ...NO_SIGNALING,
]
const trackerOptions = [
  ...NO_OPTIONS,
  { trackers: [] },
  ...numbers(
    'numwant',
    'announceInterval',
    'maxAnnounceInterval',
    'backoffMultiplier',
    'port',
    'maxPeers',
    'maxMessageSize',
    'maxJsonSize',
  ),
  { port: 70_000 },
  { port: 0.5 },
  ...NO_FLAGS('debug'),
  ...NO_RTC,
  ...NO_ENGINE,
  ...NO_CREDENTIALS,
]
const roomOptions = [
  ...NO_OPTIONS,
  { trackers: [] },
  ...numbers('requestTimeout', 'maxPeers', 'maxMessageSize', 'maxJsonSize'),
  { requestTimeout: 0 },
  ...[null, {}, [], 'x'].map(shareWith => ({ shareWith })),
  ...NO_FLAGS('debug'),
  ...NO_RTC,
  ...NO_ENGINE,
  ...NO_CREDENTIALS,
  ...NO_SIGNALING,
]
const connectionOptions = [
  ...NO_OPTIONS,
  undefined,
  {},
  ...NO_TEXTS.flatMap(id => [
    { ...ends, localPeerId: id },
    { ...ends, remotePeerId: id },
  ]),
  { localPeerId: 'a', remotePeerId: 'a' },
  ...[
    ...numbers('maxMessageSize', 'maxJsonSize'),
    ...NO_FLAGS('initiator', 'trickle'),
    ...NO_RTC,
    ...NO_ENGINE,
    { trickled: true },
  ].map(wrong => ({
    ...ends,
    ...wrong,
  })),
]
const stats = {
  ...{ state: 'running', activeTorrents: 0, peerId: undefined, announceId: undefined, engine: undefined },
  ...{ connections: { used: 0, limit: 1 }, offers: { made: 0, reused: 0, idle: 0 }, trackers: [], signaling: [], torrents: [] },
}

/** Lists of wrong arguments, by function or class. */
const REFUSED: Array<[name: string, of: unknown, refuse: (...args: unknown[]) => unknown, lists: unknown[][]]> = [
  [
    'new ConnectionManager',
    swarmlink.ConnectionManager,
    (...args) => make(swarmlink.ConnectionManager, ...args),
    [
      [],
      ...[null, 5, 'x', {}, [], { peerId: 'x', torrents: [] }, { ...client(), destroyed: true }].map(wrong => [wrong]),
      ...managerOptions.map(options => [client(), options]),
    ],
  ],
  [
    'new TrackerClient',
    swarmlink.TrackerClient,
    (...args) => make(swarmlink.TrackerClient, ...args),
    [
      [],
      ...[null, 5, '', 'x', 'http://a', 'ws://', {}, [], [null], [URL, 'x']].map(urls => [urls, TOPIC]),
      ...[undefined, null, 5, '', 'x', {}, TOPIC.slice(1)].map(topic => [URL, topic]),
      ...[null, 5, '', {}, []].map(id => [URL, TOPIC, id]),
      ...trackerOptions.map(options => [URL, TOPIC, undefined, options]),
    ],
  ],
  [
    'new P2PT',
    rooms.P2PT,
    (...args) => make(rooms.P2PT, ...args),
    [
      [],
      ...[null, 5, URL, {}, [null], ['x'], ['']].map(trackers => [trackers, 'x']),
      ...[null, 5, {}, []].map(name => [[], name]),
      ...roomOptions.map(options => [[], 'x', options]),
    ],
  ],
  [
    'new DataConnection',
    swarmlink.DataConnection,
    (...args) => make(swarmlink.DataConnection, ...args),
    [[], ...connectionOptions.map(options => [options])],
  ],
  ['new Peer', swarmlink.Peer, (...args) => make(swarmlink.Peer, ...args), [[], ...connectionOptions.map(options => [options])]],
  [
    'toPrometheus',
    swarmlink.toPrometheus,
    (...args) => call(swarmlink.toPrometheus, ...args),
    [
      [],
      ...[null, 5, 'x', {}, [], () => {}, { ...stats, torrents: null }, { ...stats, torrents: [null] }].map(wrong => [wrong]),
      ...[{ torrents: [{}] }, { trackers: [5] }, { offers: null }, { connections: [] }].map(wrong => [{ ...stats, ...wrong }]),
      ...NO_OPTIONS.map(options => [stats, options]),
      ...[null, '', 5, 'a b', '1'].map(prefix => [stats, { prefix }]),
    ],
  ],
  ['topicOf', swarmlink.topicOf, name => call(swarmlink.topicOf, name), NO_TEXTS.map(name => [name])],
  [
    'serverName',
    swarmlink.serverName,
    url => call(swarmlink.serverName, url),
    [...NO_TEXTS, 'x', 'http://a', 'ws://'].map(url => [url]),
  ],
  ['fileCredentials', swarmlink.fileCredentials, path => call(swarmlink.fileCredentials, path), NO_TEXTS.map(path => [path])],
  [
    'localCredentials',
    swarmlink.localCredentials,
    (...args) => call(swarmlink.localCredentials, ...args),
    [...[null, 5, '', {}, []].map(key => [key]), ...[null, 5, 'x', {}, { getItem: () => null }].map(storage => ['key', storage])],
  ],
  [
    'Emitter',
    swarmlink.Emitter,
    listener => new swarmlink.Emitter<{ word: [] }>().on('word', listener as () => void),
    [undefined, null, 5, 'x', {}, []].map(listener => [listener]),
  ],
  [
    'new MemoryDriver',
    signaling.MemoryDriver,
    (...args) => make(signaling.MemoryDriver, ...args),
    [null, 5, 'x', {}, []].map(other => [other]),
  ],
  [
    'new BroadcastChannelDriver',
    signaling.BroadcastChannelDriver,
    (...args) => make(signaling.BroadcastChannelDriver, ...args),
    NO_TEXTS.map(name => [name]),
  ],
  [
    'new WebSocketDriver',
    signaling.WebSocketDriver,
    (...args) => make(signaling.WebSocketDriver, ...args),
    [
      [],
      ...[null, 5, '', 'x', 'http://a', 'ws://', {}, []].map(url => [url]),
      ...[...NO_OPTIONS, { timeout: 5 }, { env: null }, { env: 5 }, { env: {} }].map(options => [URL, options]),
    ],
  ],
  [
    'new PubSubSignaling',
    signaling.PubSubSignaling,
    (...args) => make(signaling.PubSubSignaling, ...args),
    [
      [],
      ...[null, 5, 'x', {}, [], { on: () => {}, off: () => {} }].map(driver => [driver]),
      ...[...NO_OPTIONS, { nam: 'x' }, { name: '' }, { name: 5 }, { env: {} }].map(options => [
        new signaling.MemoryDriver(),
        options,
      ]),
    ],
  ],
  [
    'new NatsDriver',
    nats.NatsDriver,
    (...args) => make(nats.NatsDriver, ...args),
    [
      [],
      ...[...NO_OPTIONS, {}].map(options => [options]),
      ...[null, '', 'x', 5, {}, [], [null], ['http://a']].map(servers => [{ servers }]),
      ...[null, 5, {}, []].flatMap(text => ['name', 'user', 'pass', 'token'].map(name => [{ servers: URL, [name]: text }])),
      ...['name', 'user'].map(name => [{ servers: URL, [name]: '' }]),
      ...['maxPingOut', 'pingInterval', 'timeout'].flatMap(name => NO_NUMBERS.map(value => [{ servers: URL, [name]: value }])),
      ...NO_FLAGS('debug', 'ignoreClusterUpdates').map(flag => [{ servers: URL, ...flag }]),
      [{ servers: URL, reconnect: true }],
      ...NO_OPTIONS.map(parts => [{ servers: URL }, parts]),
    ],
  ],
  ['new SignalServer', server.SignalServer, (...args) => make(server.SignalServer, ...args), [[], [null], [{ port: 0 }]]],
  [
    'SignalServer.listen',
    server.SignalServer,
    (...args) => call(server.SignalServer.listen.bind(server.SignalServer), ...args),
    [
      ...NO_OPTIONS.map(options => [options]),
      ...[...numbers('port', 'maxClients', 'maxClientsPerAddress', 'maxFrame', 'maxSubscriptions', 'maxDepth')].map(wrong => [
        wrong,
      ]),
      ...numbers('maxNamespaceLength', 'messagesPerSecond', 'bytesPerSecond', 'maxBuffered', 'heartbeatInterval').map(wrong => [
        wrong,
      ]),
      ...numbers('sendsPerSecond', 'sendsPerSecondPerAddress').map(wrong => [wrong]),
      ...[{ port: 70_000 }, { maxClients: 0 }, { maxFrame: 1e9 }, { maxDepth: 9 }, { hosts: 'x' }].map(wrong => [wrong]),
      ...[null, 5, '', {}, []].map(host => [{ host }]),
      ...[null, 'x', {}].map(addressOf => [{ addressOf }]),
    ],
  ],
]

/** Methods of valid objects, with wrong arguments. */
function methods(): Array<[name: string, refuse: (...args: unknown[]) => unknown, lists: unknown[][]]> {
  const manager = new swarmlink.ConnectionManager(client(), { trackers: [], rtcConfig: { iceServers: [] } })
  const tracker = new swarmlink.TrackerClient(URL, TOPIC, undefined, { iceServers: [] })
  const room = new rooms.P2PT([], 'x', { iceServers: [] })
  const bus = new signaling.MemoryDriver()
  const far = new signaling.WebSocketDriver(URL)
  closed.push(
    () => manager.destroy(),
    () => tracker.disconnect(),
    () => room.destroy(),
    () => bus.close(),
    () => far.close(),
  )
  const of =
    (that: object, name: string) =>
    (...args: unknown[]) =>
      (that as Record<string, LooseFunction>)[name]?.(...args)
  const noHashes = [null, 5, '', 'x', {}, []].map(hash => [hash])
  const noUrls = [undefined, null, 5, '', 'x', 'http://a', {}, []].map(url => [url])
  const noNamespaces = [undefined, null, 5, 'x', {}, [], [5], Array.from({ length: 9 }, () => 'x'), ['x'.repeat(1_025)]]
  const noFunctions = [undefined, null, 5, 'x', {}]
  return [
    ['manager.discoverPeers', of(manager, 'discoverPeers'), [[], ...noHashes]],
    ['manager.connections', of(manager, 'connections'), noHashes],
    ['manager.invite', of(manager, 'invite'), [[], ...noHashes]],
    ['manager.connect', of(manager, 'connect'), [[], [null], [5], [''], ['x'], ['{}'], [{}], [[]]]],
    ['manager.addTracker', of(manager, 'addTracker'), noUrls],
    ['manager.removeTracker', of(manager, 'removeTracker'), noUrls],
    ['manager.on', of(manager, 'on'), noFunctions.map(listener => ['peer', listener])],
    ['tracker.on', of(tracker, 'on'), noFunctions.map(listener => ['peer', listener])],
    ['p2pt.on', of(room, 'on'), noFunctions.map(listener => ['msg', listener])],
    ['p2pt.addTracker', of(room, 'addTracker'), noUrls],
    ['p2pt.removeTracker', of(room, 'removeTracker'), [...noUrls, [URL]]],
    ['p2pt.setIdentifier', of(room, 'setIdentifier'), NO_TEXTS.map(name => [name])],
    [
      'driver.on',
      of(bus, 'on'),
      [...noNamespaces.map(name => [name, () => {}]), ...noFunctions.map(handler => [['x'], handler])],
    ],
    ['driver.watch', of(far, 'watch'), [undefined, null, 5, {}, { open: () => {} }].map(watcher => [watcher])],
    ['driver.off', of(bus, 'off'), noNamespaces.map(name => [name, () => {}])],
    [
      'driver.emit',
      of(bus, 'emit'),
      [...noNamespaces.map(name => [name, {}]), [['x'], undefined], [['x'], 5n], [['x'], () => {}]],
    ],
  ]
}

/** The error of a call, thrown or rejected, or its result. */
async function outcomeOf(refuse: (...args: unknown[]) => unknown, args: unknown[]): Promise<unknown> {
  try {
    return ['taken', await refuse(...args)]
  } catch (error) {
    return error
  }
}

async function expectRefusals(refuse: (...args: unknown[]) => unknown, lists: unknown[][]): Promise<void> {
  const wrong: unknown[] = []
  for (const args of lists) {
    const outcome = await outcomeOf(refuse, args)
    const isRefusal = outcome instanceof swarmlink.SwarmlinkError && outcome.code === 'ERR_INVALID_ARGUMENT'
    // `what happened: what to do`
    if (!isRefusal || !/^[^:]+.*: \S/.test(outcome.message)) wrong.push({ args, outcome })
  }
  expect(wrong).toEqual([])
}

describe('a wrong argument of an application', () => {
  test.each(REFUSED)('makes %s throw ERR_INVALID_ARGUMENT, which says what to do [A1]', async (_name, _of, refuse, lists) => {
    await expectRefusals(refuse, lists)
  })

  test('makes every method throw ERR_INVALID_ARGUMENT, which says what to do [A1]', async () => {
    for (const [name, refuse, lists] of methods()) {
      await expectRefusals(refuse, lists).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`, { cause: error })
      })
    }
  })

  test('is tested for every function and class of the package [A1]', () => {
    const tested = new Set(REFUSED.map(([, of]) => of))
    const errors = new Set<unknown>([swarmlink.SwarmlinkError, swarmlink.CredentialsError]) // created by the library, not by applications
    const exported = [swarmlink, rooms, signaling, nats, server].flatMap(module => Object.entries(module))
    const missing = exported.flatMap(([name, value]) => (tested.has(value) || errors.has(value) ? [] : [name]))
    expect(missing).toEqual([])
  })
})
