import { describe, expect, test } from 'vitest'
import { CallWorld, type CallEnd } from '../../support/fakes/call-world.js'
import { newStream, type FakeStream } from '../../support/fakes/fake-rtc.js'
import type { Receiver } from '../../../src/media/receiver.js'
import type { Sender } from '../../../src/media/sender.js'

async function call(options: { stream?: MediaStream & FakeStream; state?: unknown } = {}) {
  const world = new CallWorld()
  const [sender, receiver] = [world.sender(), world.receiver()]
  const stream = options.stream ?? newStream('audio', 'video')
  sender.end.start({ stream, state: options.state, dataChannel: true })
  receiver.end.start()
  await world.connected(sender, receiver)
  await world.advance(500)
  return { world, sender, receiver, stream }
}

const sentBy = ({ machine }: CallEnd<Sender>) => machine.open[0]!.transceivers
const sentTracks = (end: CallEnd<Sender>) => sentBy(end).flatMap(({ sender: { track } }) => (track === null ? [] : [track.id]))
const states = (end: CallEnd<Receiver>) => end.all('sync').map(({ state }) => state)
const shownBy = (end: CallEnd<Receiver>) =>
  (end.all('stream').at(-1)!['stream'] as MediaStream)
    .getTracks()
    .map(({ kind }) => kind)
    .toSorted()

describe('the state', () => {
  test('is replaced by sync(), and merged with `merge` [B6]', async () => {
    const { world, sender, receiver } = await call({ state: { a: 1, b: 1 } })
    sender.end.sync({ b: 2 }, true)
    await world.advance(50)
    sender.end.sync({ c: 3 })
    await world.advance(50)
    sender.end.sync('a text', true)
    await world.advance(50)
    expect(states(receiver)).toEqual([{ a: 1, b: 2 }, { c: 3 }, 'a text'])
    expect(receiver.all('sync')[0]!.id).toBe(sender.id)
    await world.stop()
  })

  test('is told once, however often it is set to the same value [B6]', async () => {
    const { world, sender, receiver } = await call({ state: { a: 1 } })
    for (let i = 0; i < 5; i++) sender.end.sync({ a: 1 })
    sender.end.sync({ a: 2 })
    sender.end.sync({ a: 2 })
    await world.advance(500)
    expect(states(receiver)).toEqual([{ a: 2 }])
    await world.stop()
  })

  test('stays the newest one when the bus delivers an older one late [B6]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    world.delay = ({ message }) => (message.type === 'sync' ? 3_000 : 0)
    sender.end.start({ stream: newStream('video'), state: 0 })
    receiver.end.start()
    await world.env.until(() => receiver.machine.connections.length > 0)
    sender.end.sync(1) // over the bus, because no path works yet
    sender.end.enable('audio', false)
    await world.connected(sender, receiver)
    await world.advance(500)
    sender.end.sync(2) // over the control channel
    sender.end.enable('audio', true)
    await world.advance(5_000)
    expect(states(receiver).at(-1)).toBe(2)
    expect(receiver.all('mute').at(-1)?.['muted'] ?? false).toBe(false)
    await world.stop()
  })

  test('that changed while the path was away comes with the restart [B6] [X14]', async () => {
    const { world, sender, receiver } = await call({ state: 0 })
    world.lose = ({ message }) => message.type === 'sync'
    sender.machine.cut()
    await world.advance(2_500)
    sender.end.sync(1)
    await world.advance(500)
    sender.machine.heal()
    await world.advance(10_000)
    expect(states(receiver)).toEqual([1])
    await world.stop()
  })

  test.each([null, 0, '', false, [], 'text', { deep: { er: [1, null] } }, undefined])('can be %o [B5]', async state => {
    const { world, receiver } = await call({ state })
    expect(receiver.all('stream')[0]!['state']).toEqual(state)
    await world.stop()
  })
})

describe('setStream', () => {
  test('replaces tracks of the same kind without any message, 100 times [X14]', async () => {
    const { world, sender, receiver } = await call()
    const before = world.emitted.length
    const description = sender.machine.open[0]!.localDescription?.sdp
    let stream = newStream('audio', 'video')
    for (let i = 0; i < 100; i++) {
      stream = newStream('video', 'audio')
      sender.end.setStream(stream)
      await world.advance(10)
    }
    await world.advance(1_000)
    expect(sentTracks(sender).toSorted()).toEqual(stream.tracks.map(({ id }) => id).toSorted())
    expect(world.emitted).toHaveLength(before)
    expect(sender.machine.open[0]!.localDescription?.sdp).toBe(description)
    expect(receiver.count('stream')).toBe(1)
    await world.stop()
  })

  test('adds and removes tracks over one connection, and sections of the description are used again [X14]', async () => {
    const { world, sender, receiver } = await call({ stream: newStream('audio') })
    for (let i = 0; i < 20; i++) {
      sender.end.setStream(newStream('audio', 'video'))
      await world.advance(200)
      expect(shownBy(receiver)).toEqual(['audio', 'video'])
      sender.end.setStream(newStream('audio'))
      await world.advance(200)
      expect(shownBy(receiver)).toEqual(['audio'])
    }
    expect(sentBy(sender)).toHaveLength(2)
    expect(receiver.count('stream')).toBe(1)
    sender.end.setStream(null)
    await world.advance(200)
    expect(sentTracks(sender)).toEqual([])
    sender.end.setStream(newStream('video'))
    await world.advance(200)
    expect(shownBy(receiver)).toEqual(['video'])
    expect(sentBy(sender)).toHaveLength(2)
    expect(world.net.connections).toHaveLength(2)
    await world.stop()
  })

  test('makes one offer of several changes [X14]', async () => {
    const { world, sender, receiver } = await call({ stream: newStream('audio') })
    const told = () => receiver.machine.open[0]!.remoteDescription
    const before = told()
    for (let i = 0; i < 10; i++) sender.end.setStream(newStream('audio', 'video', ...(i % 2 === 0 ? (['video'] as const) : [])))
    await world.advance(25)
    expect(told()).toBe(before)
    await world.advance(500)
    expect(shownBy(receiver)).toEqual(['audio', 'video'])
    await world.stop()
  })

  test('offers again when the Receiver did not take the offer [X14]', async () => {
    const { world, sender, receiver } = await call({ stream: newStream('audio') })
    let refusals = 2
    receiver.machine.misbehave = method => (method === 'setRemoteDescription' && refusals-- > 0 ? 'rejects' : undefined)
    sender.end.setStream(newStream('audio', 'video'))
    await world.advance(20_000)
    expect(shownBy(receiver)).toEqual(['audio', 'video'])
    expect(receiver.errors).toHaveLength(2)
    expect([...sender.names, ...receiver.names]).not.toContain('reconnecting')
    await world.stop()
  })

  test('ignores tracks that have ended, and tells a wrong argument by name', async () => {
    const stream = newStream('audio', 'video')
    stream.tracks[1]!.stop()
    const { world, sender, receiver } = await call({ stream })
    expect(shownBy(receiver)).toEqual(['audio'])
    expect(() => sender.end.setStream(5 as unknown as MediaStream)).toThrow('got 5: stream must be a MediaStream')
    await world.stop()
  })
})

describe('enable', () => {
  test('takes the track from the encoder, and tells the Receivers [X14]', async () => {
    const { world, sender, receiver, stream } = await call()
    const [audio, video] = stream.tracks
    sender.end.enable('video', false)
    await world.advance(100)
    expect(sentTracks(sender)).toEqual([audio!.id])
    sender.end.enable('audio', false)
    sender.end.enable('audio', false)
    await world.advance(100)
    expect(sentTracks(sender)).toEqual([])
    sender.end.enable('video', true)
    await world.advance(100)
    expect(sentTracks(sender)).toEqual([video!.id])
    expect(receiver.all('mute')).toEqual([
      { id: sender.id, kind: 'video', muted: true },
      { id: sender.id, kind: 'audio', muted: true },
      { id: sender.id, kind: 'video', muted: false },
    ])
    expect(states(receiver)).toEqual([])
    expect(audio!.readyState).toBe('live')
    await world.stop()
  })

  test('tells a wrong argument by name', () => {
    const { end } = new CallWorld().sender()
    expect(() => end.enable('screen' as 'video', true)).toThrow(`got "screen": the first argument must be 'audio' or 'video'`)
    expect(() => end.enable('video', 1 as unknown as boolean)).toThrow('got 1: the second argument must be true or false')
  })
})

describe('want', () => {
  test('stops, shrinks and brings back the video of one Receiver alone [X14]', async () => {
    const { world, sender, receiver, stream } = await call()
    const other = world.receiver()
    other.end.start()
    await world.connected(other)
    await world.advance(100)
    const video = stream.tracks[1]!
    video.height = 720
    const tracksTo = (index: number) => sender.machine.open[index]!.transceivers.map(({ sender: { track } }) => track?.kind)
    expect(receiver.end.want(sender.id, 'off')).toBe(true)
    await world.advance(100)
    expect([tracksTo(0), tracksTo(1)]).toEqual([
      ['audio', undefined],
      ['audio', 'video'],
    ])
    receiver.end.want(sender.id, 'low')
    await world.advance(100)
    expect(sender.machine.open[0]!.transceivers[1]!.encodings).toEqual([
      { maxBitrate: 150_000, maxFramerate: 15, scaleResolutionDownBy: 4 },
    ])
    receiver.end.want(sender.id, 'high')
    await world.advance(100)
    expect(sender.machine.open[0]!.transceivers[1]!.encodings).toEqual([{ scaleResolutionDownBy: 1 }])
    expect(receiver.end.want('unknown', 'low')).toBe(false)
    expect(() => receiver.end.want(sender.id, 'some' as 'low')).toThrow(/'off', 'low' or 'high'/)
    await world.stop()
  })

  test('that was said before the connection, or while the path was away, counts [X14]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start({ stream: newStream('video') })
    await world.advance(100)
    receiver.end.start()
    receiver.end.want(sender.id, 'off')
    await world.connected(sender, receiver)
    await world.advance(500)
    expect(sentTracks(sender)).toEqual([])
    // A new connection, whose control channel is not open yet.
    sender.machine.move()
    await world.advance(2_000)
    receiver.end.want(sender.id, 'high')
    await world.env.until(() => receiver.count('reconnected') > 0)
    await world.advance(2_000)
    expect(sentTracks(sender)).toHaveLength(1)
    await world.stop()
  })
})

describe('setEncoding', () => {
  test('changes all Receivers, or one, and later ones get it [B4] [B11]', async () => {
    const world = new CallWorld()
    const sender = world.sender({ audioBitrate: 32, videoBitrate: 500 })
    const stream = newStream('audio', 'video')
    stream.tracks[1]!.height = 720
    sender.end.start({ stream })
    await world.advance(10)
    const receivers = [world.receiver(), world.receiver()] as const
    for (const { end } of receivers) {
      end.start()
      await world.advance(500)
    }
    const encodings = () =>
      sender.machine.open.map(({ transceivers }) =>
        transceivers.map(({ encodings: [encoding] }) => encoding as RTCRtpEncodingParameters),
      )
    expect(encodings()).toEqual([0, 1].map(() => [{ maxBitrate: 32_000 }, { maxBitrate: 500_000, scaleResolutionDownBy: 1 }]))
    sender.end.setEncoding({ maxHeight: 360, contentHint: 'detail' })
    sender.end.setEncoding({ videoBitrate: 100 }, receivers[1].id)
    await world.advance(100)
    expect(encodings()).toEqual(
      [500_000, 100_000].map(maxBitrate => [{ maxBitrate: 32_000 }, { maxBitrate, scaleResolutionDownBy: 2 }]),
    )
    expect(stream.tracks[1]!.contentHint).toBe('detail')
    expect(() => sender.end.setEncoding({ videoBitrate: -1 })).toThrow(/videoBitrate must be/)
    expect(() => sender.end.setEncoding({ contentHint: 'film' as 'text' })).toThrow(
      /contentHint must be '', 'motion', 'detail', 'text'/,
    )
    await world.stop()
  })

  test('that the implementation refuses is told, and the call goes on [Law 11]', async () => {
    const { world, sender, receiver } = await call()
    sender.machine.misbehave = method => (method === 'setParameters' ? 'rejects' : undefined)
    sender.end.setEncoding({ videoBitrate: 100 })
    await world.advance(5_000)
    expect(sender.errors).toEqual(['cannot change what is sent: setParameters was refused'])
    expect(receiver.names).not.toContain('dispose')
    await world.stop()
  })
})

describe('getStats', () => {
  test('gives the figures of each connection, or of one, and leaves out those that the implementation does not tell [X14]', async () => {
    const { world, sender, receiver } = await call()
    const other = world.receiver()
    other.end.start()
    await world.connected(other)
    await Promise.all([receiver.end.getStats(), world.advance(1_000)])
    const [[stats], all, one, none] = await Promise.all([
      receiver.end.getStats(),
      sender.end.getStats(),
      sender.end.getStats(other.id),
      sender.end.getStats('not here'),
      world.advance(1_000),
    ])
    expect(stats).toMatchObject({
      id: sender.id,
      state: 'connected',
      roundTrip: 20,
      tracks: [{ kind: 'video', direction: 'received' }],
    })
    expect(stats!.tracks[0]!.bitrate).toBeCloseTo(480, 0)
    expect(all.map(({ id }) => id).toSorted()).toEqual([receiver.id, other.id].toSorted())
    expect(one.map(({ id }) => id)).toEqual([other.id])
    expect(none).toEqual([])
    receiver.machine.misbehave = method => (method === 'getStats' ? 'rejects' : undefined)
    const [failed] = await Promise.all([receiver.end.getStats(), world.advance(100)])
    expect(failed).toEqual([])
    await world.stop()
    expect(await sender.end.getStats()).toEqual([])
  })
})

describe('the encoders of a path that is lost', () => {
  /** A call with two tracks whose path is lost, at a Sender that refuses one of the next changes of its encoders. */
  async function lost(controlsExtensions: boolean, first: 'audio' | 'video' = 'audio', refused = 0) {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.machine.controlsExtensions = controlsExtensions
    sender.end.start({ stream: newStream(first, 'video') })
    receiver.end.start()
    await world.connected(sender, receiver)
    await world.advance(3_000)
    let count = 0
    sender.machine.misbehave = method => (method === 'setParameters' && ++count === refused ? 'rejects' : undefined)
    const [audio, video] = sender.machine.connections[0]!.transceivers
    const idle = () => video!.extensions?.find(({ uri }) => uri.endsWith('/video-timing'))?.direction
    sender.machine.cut()
    await world.advance(3_000)
    return { world, sender, receiver, audio: audio!, video: video!, idle }
  }

  test('stop where what they sent can be forgotten, whatever is set meanwhile, and begin again with the path [X14]', async () => {
    const { world, sender, receiver, audio, video, idle } = await lost(true)
    expect(audio.encodings[0]).not.toHaveProperty('active', false)
    expect(video.encodings).toMatchObject([{ active: false }])
    expect(idle()).toBe('stopped')
    sender.end.setEncoding({ videoBitrate: 300 })
    await world.advance(100)
    expect(video.encodings).toMatchObject([{ active: false, maxBitrate: 300_000 }])
    sender.machine.heal()
    await world.env.until(() => receiver.count('reconnected') === 1)
    await world.advance(50)
    expect(video.encodings).toMatchObject([{ active: true, maxBitrate: 300_000 }])
    // The next outage needs another change.
    sender.machine.cut()
    await world.advance(3_000)
    expect(idle()).toBe('sendrecv')
    await world.stop()
  })

  test('go on where it cannot, and begin anew with the path [X14]', async () => {
    const { world, sender, receiver, video } = await lost(false)
    expect(video.encodings[0]).not.toHaveProperty('active', false)
    sender.machine.heal()
    await world.env.until(() => receiver.count('reconnected') === 1)
    await world.advance(50)
    expect(video.encodings).toMatchObject([{ active: true }])
    await world.stop()
  })

  test.each([1, 2, 3, 4])('begin again, all of them, when setParameters %i is refused [Law 11]', async refused => {
    const { world, sender, receiver } = await lost(true, 'video', refused)
    sender.machine.heal()
    await world.env.until(() => receiver.count('reconnected') === 1)
    await world.advance(1_000)
    for (const { encodings } of sender.machine.connections[0]!.transceivers)
      expect(encodings[0]).not.toHaveProperty('active', false)
    await world.stop()
  })
})

test('maxHeight counts for a source whose height is known only after the offer [B10]', async () => {
  const world = new CallWorld()
  const [sender, receiver] = [world.sender(), world.receiver()]
  const stream = newStream('video')
  sender.end.setEncoding({ maxHeight: 360 })
  sender.end.start({ stream })
  receiver.end.start()
  await world.env.until(() => world.count('offer') > 0, 5_000)
  stream.tracks[0]!.height = 720
  await world.connected(sender, receiver)
  await world.advance(1_000)
  expect(sentBy(sender)[0]!.encodings).toMatchObject([{ scaleResolutionDownBy: 2 }])
  await world.stop()
})
