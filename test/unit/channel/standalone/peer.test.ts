import { describe, expect, test } from 'vitest'
import { DataConnection } from '../../../../src/channel/messages/data-connection.js'
import { FramedMessenger } from '../../../../src/channel/messages/framed-messenger.js'
import { Peer } from '../../../../src/channel/standalone/peer.js'
import { channelPair, FakeNet } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

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

describe('Peer [A7]', () => {
  test('has the ids, events and messages of its connection [A7]', async () => {
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

  test('keeps messages until the peer has a listener, like the connection [A7, Law 8]', async () => {
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

  test('refuses signals if it belongs to a tracker [A7]', () => {
    const peer = new Peer(setUp().here)
    expect(() => peer.signal({ candidate: null })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('waits for an offer if `initiator` is undefined [A7]', async () => {
    let resolve: (who: string) => void
    const called = new Promise<string>(settle => (resolve = settle))
    /** An engine that records its name when a connection is created, and then throws. */
    const engineFor = (who: string) => ({
      RTCPeerConnection: function () {
        resolve(who)
        throw new Error('none')
      } as never,
    })
    const ids = { localPeerId: 'a', remotePeerId: 'b' }
    // The peers create their connections in this order.
    const peers = [
      new Peer({ ...ids, wrtc: engineFor('undefined'), initiator: undefined } as never), // possible in JavaScript
      new Peer({ ...ids, wrtc: engineFor('no initiator') }),
      new Peer({ ...ids, wrtc: engineFor('initiator'), initiator: true }),
    ]
    expect(await called).toBe('initiator')
    await Promise.all(peers.map(peer => peer.destroy()))
  })

  test('checks names and values of its options, and waits for an offer by default [A7]', async () => {
    expect(() => new Peer(undefined as never)).toThrow(/localPeerId must be a non-empty string/)
    expect(() => new Peer({ localPeerId: 'a', remotePeerId: 'b', initiator: null } as never)).toThrow(
      /initiator must be true or false/,
    )
    expect(() => new Peer({ localPeerId: 'a' } as never)).toThrow(/remotePeerId must be a non-empty string/)
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
