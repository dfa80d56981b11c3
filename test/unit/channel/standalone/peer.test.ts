import { describe, expect, test } from 'vitest'
import { DataConnection } from '../../../src/channel/data-connection.js'
import { FramedMessenger } from '../../../src/channel/framed-messenger.js'
import { Peer } from '../../../src/channel/peer.js'
import { channelPair, FakeNet } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

function setUp() {
  const env = new VirtualEnv()
  const [a, b] = channelPair(new FakeNet(env))
  const make = (channel: typeof a, [localPeerId, remotePeerId]: [string, string]) =>
    new DataConnection({
      localPeerId,
      remotePeerId,
      verified: true,
      messenger: host => new FramedMessenger({ env, channel, maxMessageSize: 1_000, host }),
    })
  return { env, here: make(a, ['alice', 'bob']), there: make(b, ['bob', 'alice']) }
}

describe('A7 a Peer', () => {
  test('A7 is a face of its connection: the same ids, events and messages', async () => {
    const { env, here, there } = setUp()
    const peer = new Peer(here)
    expect(peer).toMatchObject({ connection: here, localPeerId: 'alice', remotePeerId: 'bob' })
    const events: unknown[] = []
    const never = () => events.push('never')
    peer.on('connect', () => events.push('connect'))
    peer.once('data', message => events.push(message))
    peer.on('close', error => events.push(['close', error]))
    peer.on('data', never).off('data', never)
    here.start()
    there.start()
    there.send('first')
    there.send('second')
    await env.advance(100)
    const heard: unknown[] = []
    there.on('data', message => heard.push(message))
    expect(peer.send({ from: 'alice' })).toBe(true)
    await env.advance(100)
    expect(heard).toEqual([{ from: 'alice' }])
    const closing = peer.destroy()
    await env.advance(100)
    await closing
    await peer[Symbol.asyncDispose]()
    expect(events).toEqual(['connect', 'first', ['close', undefined]])
  })

  test('A7 Law 8 messages wait for a listener on the peer as they do for one on the connection', async () => {
    const { env, here, there } = setUp()
    const peer = new Peer(here)
    here.start()
    there.start()
    there.send('early')
    await env.advance(100)
    const heard: unknown[] = []
    peer.on('data', message => heard.push(message))
    await env.advance(0)
    expect(heard).toEqual(['early'])
  })

  test('A7 of a tracker has its signalling: it takes no signals', () => {
    const peer = new Peer(setUp().here)
    expect(() => peer.signal({ candidate: null })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('A7 waits for an offer also when its `initiator` is undefined', async () => {
    let resolve: (who: string) => void
    const called = new Promise<string>(settle => (resolve = settle))
    /** An engine that says for whom it was asked for a connection, and is of no further use. */
    const engineFor = (who: string) => ({
      RTCPeerConnection: function () {
        resolve(who)
        throw new Error('none')
      } as never,
    })
    const ids = { localPeerId: 'a', remotePeerId: 'b' }
    // Of those that call the first one is heard first.
    const peers = [
      new Peer({ ...ids, wrtc: engineFor('undefined'), initiator: undefined } as never), // as JavaScript lets one say
      new Peer({ ...ids, wrtc: engineFor('no initiator') }),
      new Peer({ ...ids, wrtc: engineFor('initiator'), initiator: true }),
    ]
    expect(await called).toBe('initiator')
    await Promise.all(peers.map(peer => peer.destroy()))
  })

  test('A7 is checked by name and value, and waits for an offer unless it is told to make one', async () => {
    expect(() => new Peer(undefined as never)).toThrow(/localPeerId must be a text/)
    expect(() => new Peer({ localPeerId: 'a', remotePeerId: 'b', initiator: null } as never)).toThrow(
      /initiator must be true or false/,
    )
    expect(() => new Peer({ localPeerId: 'a' } as never)).toThrow(/remotePeerId must be a text/)
    expect(() => new Peer({ localPeerId: 'a', remotePeerId: 'b', initator: true } as never)).toThrow(/no option initator/)
    const peers = [
      new Peer({ localPeerId: 'a', remotePeerId: 'b' }),
      new Peer({ initiator: false, trickle: true, localPeerId: 'b', remotePeerId: 'a', iceServers: [] }),
    ]
    const closed = peers.map(peer => new Promise(resolve => peer.on('close', resolve)))
    await Promise.all(peers.map(peer => peer.destroy()))
    expect(await Promise.all(closed)).toEqual([undefined, undefined])
  })
})
