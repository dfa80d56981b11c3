/** The example and the handshake of the ActionNet document, verbatim but for the class names. */
import { Server } from 'bittorrent-tracker'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TrackerClient } from '../../src/index.js'
import { topicOf } from '../../src/core/id.js'
import { once } from '../support/once.js'

// What the example needs around it.
type Heard = { type: string; version: string; peerId: string; metadata: object }

const infohash = topicOf('the application of the document')
let server: Server
let sockets: Set<{ terminate(): void }>
const clients: TrackerClient[] = []

beforeEach(async () => {
  server = new Server({ udp: false, http: false, ws: true, stats: false })
  sockets = new Set()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  server.ws.on('connection', socket => sockets.add(socket))
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map(client => client.disconnect()))
  for (const socket of sockets) socket.terminate() // `close` leaves the sockets of its clients open
  await new Promise<void>(resolve => server.close(resolve))
})

/** An application that follows the document, and its events. */
function application(peerId: string, version: string) {
  const url = `ws://127.0.0.1:${server.ws.address().port}`
  const confirmed: string[] = []
  const log: string[] = []
  const registerConfirmedPeer = (id: string, metadata: object) => confirmed.push(`${id} ${JSON.stringify(metadata)}`)

  const tracker = new TrackerClient([url, `${url}/second`], infohash, peerId, { numwant: 50, iceServers: [] })
  clients.push(tracker)

  tracker.on('ready', () => {
    log.push('ready')
  })

  tracker.on('connection', connection => {
    const remote = connection.remotePeerId

    connection.on('connect', () => {
      connection.send({
        type: 'handshake',
        peerId,
        version,
        metadata: { of: peerId },
      })
    })

    connection.on('data', data => {
      const message = data as Heard // the document is JavaScript
      if (message.type === 'handshake') {
        if (message.version !== '1.0') {
          // oxlint-disable-next-line typescript/no-floating-promises -- as in the document
          connection.close()
          return
        }
        registerConfirmedPeer(message.peerId, message.metadata)
      } else {
        log.push(`${message.type} from ${remote}`)
      }
    })

    connection.on('close', () => {
      log.push(`closed ${remote}`)
    })

    connection.on('error', error => {
      log.push(`error ${error.message}`)
    })
  })

  tracker.on('peer', data => {
    log.push(`${data.source} ${data.id} ${data.peer.connection.remotePeerId}`)
  })

  tracker.on('peer-disconnected', data => {
    log.push(`gone ${data.id}`)
  })

  tracker.on('peer-failed', data => {
    log.push(`failed ${data.id} ${data.error.message}`)
  })
  return { tracker, confirmed, log }
}

test('applications of the ActionNet document confirm one version, and refuse another [A5] [A8] [A10]', async () => {
  const [alice, bob, old] = [application('alice', '1.0'), application('bob', '1.0'), application('old', '0.9')]
  await Promise.all([alice, bob].map(({ tracker }) => tracker.connect()))
  await expect
    .poll(() => [alice.confirmed, bob.confirmed], { timeout: 30_000 })
    .toEqual([['bob {"of":"bob"}'], ['alice {"of":"alice"}']])

  const gone = Promise.all([alice, bob].map(({ tracker }) => once(tracker, 'peer-disconnected')))
  await old.tracker.connect()
  const left = { id: old.tracker.peerId, announceId: old.tracker.announceId }
  expect(await gone).toEqual([[left], [left]])
  await expect.poll(() => old.log.filter(line => line.startsWith('gone')).length, { timeout: 30_000 }).toBe(2)

  expect([alice.confirmed.length, bob.confirmed.length, alice.tracker.peers.length]).toEqual([1, 1, 1])
  const id = bob.tracker.peerId
  expect(alice.log).toEqual(
    expect.arrayContaining(['ready', `tracker ${id} ${id}`, `closed ${old.tracker.peerId}`, `gone ${old.tracker.peerId}`]),
  )
  expect(alice.log.filter(line => line.startsWith('error'))).toEqual([])
})
