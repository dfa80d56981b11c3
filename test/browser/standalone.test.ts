import { afterEach, describe, expect, it } from 'vitest'
import { DataConnection, Peer, type DataConnectionOptions, type SignalData } from '../../src/index.js'

const open: Array<{ close(): Promise<void> }> = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(connection => connection.close()))
})

/** Two in this page, each the other's signalling, and what both signalled. */
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

describe('A8 a DataConnection on its own in a page', () => {
  it.each([true, false])('A7 A8 connects, talks and parts (trickle: %s)', async trickle => {
    const { alice, bob, signals, connected } = pair({ trickle })
    await connected
    const types = signals.flatMap(data => ('type' in data ? [data.type] : []))
    expect(types).toEqual(['offer', 'answer'])
    if (!trickle) expect(signals.length).toBe(2)
    bob.respond(question => ['echo', question as string])
    const heard = once(bob, 'data')
    alice.send({ text: 'grüße ✓' })
    expect(await heard).toEqual({ text: 'grüße ✓' })
    expect(await alice.request('anybody?')).toEqual(['echo', 'anybody?'])
    const gone = once(bob, 'close')
    alice.send('farewell')
    const last = once(bob, 'data')
    await alice.close()
    expect([await last, await gone]).toEqual(['farewell', undefined])
  })

  it.each([true, false])('A9 offers that cross leave one connection (trickle: %s)', async trickle => {
    for (let round = 0; round < 3; round++) {
      const { alice, bob, connected } = pair({ trickle, initiator: true })
      await connected
      const heard = once(alice, 'data')
      bob.send({ round })
      expect(await heard).toEqual({ round })
    }
  })

  it('A8 talks plain JSON with a page that knows nothing of swarmlink, which trickles too', async () => {
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
    // Their own objects, as a page that does not copy them hands them over.
    plain.onicecandidate = ({ candidate }) => connection.signal({ candidate })
    const channel = plain.createDataChannel('data', { ordered: true })
    const message = new Promise<string>(resolve => (channel.onmessage = ({ data }) => resolve(data as string))) // texts only
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

describe('A7 a Peer in a page', () => {
  it('A7 has the methods and events of the ActionNet one', async () => {
    const caller = new Peer({ initiator: true, trickle: false, localPeerId: 'a', remotePeerId: 'b', iceServers: [] })
    const callee = new Peer({ initiator: false, trickle: false, localPeerId: 'b', remotePeerId: 'a', iceServers: [] })
    open.push(caller.connection, callee.connection)
    caller.on('signal', data => callee.signal(data))
    callee.on('signal', data => caller.signal(data))
    const connected = Promise.all([caller, callee].map(peer => new Promise<void>(resolve => peer.once('connect', resolve))))
    const heard = new Promise(resolve => callee.on('data', resolve))
    await connected
    expect(caller.send({ hello: 'b' })).toBe(true)
    expect(await heard).toEqual({ hello: 'b' })
    const closed = new Promise(resolve => callee.on('close', resolve))
    await caller.destroy()
    expect(await closed).toBeUndefined()
  })
})
