import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Server } from 'bittorrent-tracker'
import { once } from '../support/once.js'
import { topicOf } from '../../src/core/id.js'
import type { Credentials, CredentialStore } from '../../src/identity/identity.js'
import { TrackerClient } from '../../src/tracker-client/tracker-client.js'
import type { TrackerClientOptions } from '../../src/tracker-client/tracker-client-options.js'

const topic = topicOf('tracker-client test')

/** A store for one identity. */
function keep(): CredentialStore {
  let kept: Credentials | undefined
  return { load: async () => kept, save: async credentials => void (kept = credentials) }
}

let servers: Server[]
let clients: TrackerClient[]
let sockets: Set<{ terminate(): void }>

async function startTracker(): Promise<{ url: string; server: Server }> {
  const server = new Server({ udp: false, http: false, ws: true, stats: false })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  server.ws.on('connection', socket => sockets.add(socket))
  servers.push(server)
  return { url: `ws://127.0.0.1:${server.ws.address().port}`, server }
}

/** `close` leaves the sockets of its clients open. */
async function stop(server: Server): Promise<void> {
  for (const socket of sockets) socket.terminate()
  await new Promise<void>(resolve => server.close(resolve))
}

function client(urls: string | string[], peerId?: string, options: TrackerClientOptions = {}): TrackerClient {
  const made = new TrackerClient(urls, topic, peerId, { iceServers: [], ...options })
  clients.push(made)
  return made
}

beforeEach(() => {
  servers = []
  clients = []
  sockets = new Set()
})

afterEach(async () => {
  await Promise.all(clients.map(made => made.disconnect()))
  await Promise.all(servers.map(stop))
})

describe('TrackerClient', () => {
  test('accepts one URL or several and any text as an announce id, and rejects an invalid info hash [A1]', () => {
    expect(client('ws://127.0.0.1:9', 'alice').announceId).toBe(topicOf('alice'))
    expect(client(['ws://127.0.0.1:9'], 'ab'.repeat(20)).announceId).toBe('ab'.repeat(20))
    expect(client(['ws://127.0.0.1:9'], 'x'.repeat(20)).announceId).toBe('78'.repeat(20))
    expect(() => new TrackerClient('ws://127.0.0.1:9', 'nonsense')).toThrow(/info hash is 40 hex characters/)
    expect(() => new TrackerClient('http://127.0.0.1:9', topic)).toThrow(/ws: or wss: URL/)
    expect(() => new TrackerClient([], topic)).toThrow(/one tracker URL or more/)
  })

  test('meets a peer once on two trackers, with all events, and exchanges messages [A4] [A5] [A6]', async () => {
    const [one, two] = [await startTracker(), await startTracker()]
    const [alice, bob] = [client([one.url, two.url], 'alice'), client([one.url, two.url], 'bob')]
    const ready = once(alice, 'ready')
    const update = once(alice, 'update')
    const met = { alice: 0, bob: 0 }
    alice.on('peer', () => met.alice++)
    bob.on('peer', () => met.bob++)
    const peer = once(bob, 'peer')
    const hello = new Promise(resolve => {
      alice.on('connection', connection => {
        expect(connection).toMatchObject({ localPeerId: alice.peerId, remotePeerId: bob.peerId, verified: true })
        connection.on('connect', () => connection.send({ hello: 'bob' }))
      })
      bob.on('connection', connection => connection.on('data', resolve))
    })

    await alice.connect()
    await ready
    await update
    await bob.connect()

    expect(await hello).toEqual({ hello: 'bob' })
    expect((await peer)[0]).toMatchObject({ id: alice.peerId, announceId: topicOf('alice'), source: 'tracker' })
    expect(met).toEqual({ alice: 1, bob: 1 })
    expect([alice.peers.length, bob.peers.length]).toEqual([1, 1])

    const gone = once(alice, 'peer-disconnected')
    const closed = once(bob, 'close')
    await bob.disconnect()
    await closed
    expect((await gone)[0]).toEqual({ id: bob.peerId, announceId: topicOf('bob') })
  })

  test('uses one identity for every announce id, and the same again with the same credentials [A5]', async () => {
    const { url } = await startTracker()
    const stores = [keep(), keep()] as const
    const session = async () => {
      const one = client(url, undefined, { credentials: stores[0] })
      const other = client(url, undefined, { credentials: stores[1] })
      const met = once(one, 'peer')
      const connections = Promise.all([once(one, 'connection'), once(other, 'connection')])
      await Promise.all([one.connect(), other.connect()])
      const [[there], [here]] = await connections
      const [{ id, announceId, peer }] = await met
      expect([one.peerId, there.localPeerId, here.remotePeerId]).toEqual([one.peerId, one.peerId, one.peerId])
      expect([id, there.remotePeerId, peer.remotePeerId, here.localPeerId]).toEqual(Array(4).fill(other.peerId))
      expect(announceId).toBe(other.announceId)
      expect(announceId).not.toBe(id)
      await Promise.all([one.disconnect(), other.disconnect()])
      return { peerIds: [one.peerId, other.peerId], announceIds: [one.announceId, other.announceId] }
    }
    const first = await session()
    const second = await session()
    expect(second.peerIds).toEqual(first.peerIds)
    expect(new Set([...first.announceIds, ...second.announceIds]).size).toBe(4)
    expect(first.peerIds).toEqual(await Promise.all(stores.map(async store => (await store.load())?.peerId)))
  })

  test('tells the tracker on disconnect() [A4]', async () => {
    const { url, server } = await startTracker()
    const stopped = new Promise<void>(resolve => server.on('stop', () => resolve()))
    const alice = client(url)
    await alice.connect()
    await once(alice, 'update')
    await alice.disconnect()
    await stopped
    await expect(alice.connect()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('ends the peer on both sides when the application closes a connection [A5]', async () => {
    const { url } = await startTracker()
    const [alice, bob] = [client(url, 'alice'), client(url, 'bob')]
    // Only after a message of the other side, which might otherwise never emit the connection.
    alice.on('connection', connection => connection.on('data', () => void connection.close()))
    bob.on('connection', connection => connection.on('connect', () => connection.send('hello')))
    const gone = Promise.all([once(alice, 'peer-disconnected'), once(bob, 'peer-disconnected')])
    await alice.connect()
    await bob.connect()
    expect(await gone).toMatchObject([[{ id: bob.peerId }], [{ id: alice.peerId }]])
  })

  test('reports when no tracker can be reached, and that all are gone [A5]', async () => {
    const nowhere = client('ws://127.0.0.1:9')
    const error = once(nowhere, 'error')
    await expect(nowhere.connect()).rejects.toMatchObject({ code: 'ERR_TRACKER_LINK' })
    expect((await error)[0]).toMatchObject({ code: 'ERR_TRACKER_LINK' })

    const { url, server } = await startTracker()
    const alice = client(url)
    await alice.connect()
    const closed = once(alice, 'close')
    servers.splice(servers.indexOf(server), 1)
    await stop(server)
    await closed
  })
})
