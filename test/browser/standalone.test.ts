import { afterEach, describe, expect, it } from 'vitest'
import { DataConnection, Peer, type DataConnectionOptions, type SignalData } from '../../src/index.js'

const open: Array<{ close(): Promise<void> }> = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(connection => connection.close()))
})

/** Two connections in this page, each the other's signalling, and the signals of both. */
function pair(options: Partial<DataConnectionOptions>) {
  const alice = new DataConnection({ localPeerId: 'alice', remotePeerId: 'bob', iceServers: [], ...options })
  const bob = new DataConnection({ localPeerId: 'bob', remotePeerId: 'alice', iceServers: [], ...options })
  open.push(alice, bob)
  const signals: SignalData[] = []
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const)
    from.on('signal', data => {
      signals.push(data)
      setTimeout(() => to.signal(JSON.parse(JSON.stringify(data))))
    })
  const connected = Promise.all(
    [alice, bob].map(
      connection =>
        new Promise<void>((resolve, reject) => {
          connection.on('connect', resolve)
          connection.on('error', reject)
        }),
    ),
  )
  return { alice, bob, signals, connected }
}

const once = (connection: DataConnection, name: 'data' | 'close') =>
  new Promise<unknown>(resolve => connection.once(name, resolve))

describe('a standalone DataConnection in a page [A8]', () => {
  it.each([true, false])('connects, exchanges messages and closes (trickle: %s) [A7, A8]', async trickle => {
    const { alice, bob, signals, connected } = pair({ trickle })
    await connected
    const types = signals.flatMap(data => ('type' in data ? [data.type] : []))
    expect(types).toEqual(['offer', 'answer'])
    if (!trickle) expect(signals.length).toBe(2)
    bob.respond(question => ['echo', question as string])
    const heard = once(bob, 'data')
    alice.send({ text: 'grüße ✓' })
    expect(await heard).toEqual({ text: 'grüße ✓' })
    expect(await alice.request('hello?')).toEqual(['echo', 'hello?'])
    const gone = once(bob, 'close')
    alice.send('farewell')
    const last = once(bob, 'data')
    await alice.close()
    expect([await last, await gone]).toEqual(['farewell', undefined])
  })

  it.each([true, false])('keeps one connection if offers cross (trickle: %s) [A9]', async trickle => {
    for (let round = 0; round < 3; round++) {
      const { alice, bob, connected } = pair({ trickle, initiator: true })
      await connected
      const heard = once(alice, 'data')
      bob.send({ round })
      expect(await heard).toEqual({ round })
    }
  })

  it('exchanges plain JSON with a page without swarmlink, which trickles too [A8]', async () => {
    const plain = new RTCPeerConnection({ iceServers: [] })
    const connection = new DataConnection({ localPeerId: 'ours', remotePeerId: 'theirs', iceServers: [], initiator: false })
    open.push({
      close: async () => {
        plain.close()
        await connection.close()
      },
    })
    connection.on('signal', data => {
      if ('type' in data) void plain.setRemoteDescription(data)
      else if (data.candidate !== null) void plain.addIceCandidate(data.candidate)
    })
    // The browser's own objects, as a page passes them without copying.
    plain.onicecandidate = ({ candidate }) => connection.signal({ candidate })
    const channel = plain.createDataChannel('data', { ordered: true })
    const message = new Promise<string>(resolve => (channel.onmessage = ({ data }) => resolve(data as string))) // only texts arrive
    await plain.setLocalDescription()
    if (plain.localDescription !== null) connection.signal(plain.localDescription as { type: 'offer'; sdp: string }) // just made
    await new Promise<void>(resolve => connection.on('connect', resolve))
    const heard = once(connection, 'data')
    channel.send(JSON.stringify({ type: 'handshake' }))
    expect(await heard).toEqual({ type: 'handshake' })
    connection.send({ type: 'welcome' })
    expect(JSON.parse(await message)).toEqual({ type: 'welcome' })
    const closed = new Promise(resolve => (channel.onclose = resolve))
    void connection.close()
    await closed
  })
})

describe('Peer in a page [A7]', () => {
  it('has the methods and events of the class Peer of ActionNet [A7]', async () => {
    const offerer = new Peer({ initiator: true, trickle: false, localPeerId: 'a', remotePeerId: 'b', iceServers: [] })
    const answerer = new Peer({ initiator: false, trickle: false, localPeerId: 'b', remotePeerId: 'a', iceServers: [] })
    open.push(offerer.connection, answerer.connection)
    offerer.on('signal', data => answerer.signal(data))
    answerer.on('signal', data => offerer.signal(data))
    const connected = Promise.all([offerer, answerer].map(peer => new Promise<void>(resolve => peer.once('connect', resolve))))
    const heard = new Promise(resolve => answerer.on('data', resolve))
    await connected
    expect(offerer.send({ hello: 'b' })).toBe(true)
    expect(await heard).toEqual({ hello: 'b' })
    const closed = new Promise(resolve => answerer.on('close', resolve))
    await offerer.destroy()
    expect(await closed).toBeUndefined()
  })
})
