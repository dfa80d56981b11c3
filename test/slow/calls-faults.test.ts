/**
 * The faults of the published package `p2p`, with real connections: a call here has none of them. Repeated invokes, a verify() that throws,
 * lost invokes and rooms with a colon are unit tests.
 */
import { describe, expect, it } from 'vitest'
import { WebSocketDriver } from '../../src/signaling/drivers/websocket-driver.js'
import { CallLab, expectMedia, expectOnePeer, lookAt, PATIENCE, type CallEnd } from '../support/calls.js'

const { lab, has } = await CallLab.use('Chromium', 'Node')
type Finish = (callback: () => Promise<void>) => void

/** A call in progress. */
async function callOf(finish: Finish, room: string, send: object = {}): Promise<[CallEnd, CallEnd]> {
  const [sender, receiver] = await Promise.all([lab.open('Chromium', finish), lab.open('Node', finish)])
  await receiver.ask('receive', { start: { room } })
  await sender.ask('send', { start: { room }, ...send })
  await receiver.next('stream')
  return [sender, receiver]
}

/** Waits for pictures that are drawn from now on. */
async function expectNewPictures(sender: CallEnd, receiver: CallEnd): Promise<void> {
  const number = Number(await sender.ask('drawMore', { more: 1 }))
  await expect.poll(() => receiver.ask('firstAfter', { number: number + 10 }), PATIENCE).toBeTruthy()
}

describe.skipIf(!has('Chromium'))('a call', () => {
  it('gets a second offer for tracks that come and go, and keeps its connection and its sections (fault 5) [B5] [X14]', async ({
    onTestFinished,
  }) => {
    const [sender, receiver] = await callOf(onTestFinished, 'tracks', { kinds: ['audio'], hz: 660 })
    await expect.poll(() => receiver.ask('tones'), PATIENCE).toEqual([660])
    for (const tag of [2, 3, 4]) {
      await sender.ask('setStream', { kinds: ['audio', 'video'], tag, hz: 880 })
      await expect.poll(async () => (await lookAt(receiver))?.tags, PATIENCE).toContain(tag)
      await expect.poll(() => receiver.ask('tones'), PATIENCE).toEqual([880])
      await sender.ask('setStream', { kinds: ['audio'], hz: 660 })
      await expect.poll(() => receiver.ask('tones'), PATIENCE).toEqual([660])
    }
    expect(await receiver.all('stream')).toHaveLength(1)
    for (const side of [sender, receiver]) {
      expect(await side.all('connect')).toMatchObject([{ peer: 0 }])
      expect(await side.ask('connections')).toEqual({ open: 1, listed: 1 })
      expect((await side.ask('transceivers'))[0]).toHaveLength(2)
      await expectOnePeer(side)
    }
  })

  it('ends at the Sender at once when the Receiver stops (fault 6) [B9] [X14]', async ({ onTestFinished }) => {
    const [sender, receiver] = await callOf(onTestFinished, 'left')
    await expectMedia(receiver)
    await receiver.ask('stop')
    expect(await sender.next('dispose')).toMatchObject({ reason: 'left' })
    await expect.poll(() => sender.ask('connections'), PATIENCE).toEqual({ open: 0, listed: 0 })
  })

  it('replaces the state, and merges it when asked to (fault 7) [B6]', async ({ onTestFinished }) => {
    const [sender, receiver] = await callOf(onTestFinished, 'state', {
      start: { room: 'state', state: { name: 'one', hand: 'down' } },
    })
    await sender.ask('call', { method: 'sync', args: [{ hand: 'up' }, true] })
    await receiver.next('sync', ({ state }) => state.name === 'one' && state.hand === 'up')
    await sender.ask('call', { method: 'sync', args: [{ hand: 'gone' }] })
    expect(await receiver.next('sync', ({ state }) => state.hand === 'gone')).toMatchObject({ state: { hand: 'gone' } })
    expect((await receiver.all('sync')).at(-1)?.['state']).toEqual({ hand: 'gone' })
  })

  it('delivers the newest messages that were sent while there was no Receiver (fault 8) [B4] [B6]', async ({
    onTestFinished,
  }) => {
    const [sender, receiver] = await Promise.all([lab.open('Chromium', onTestFinished), lab.open('Node', onTestFinished)])
    await sender.ask('send', { start: { room: 'queue' }, options: { queueSize: 3 } })
    for (const text of ['1', '2', '3', '4', '5']) expect(await sender.ask('call', { method: 'send', args: [text] })).toBe(false)
    await receiver.ask('receive', { start: { room: 'queue' } })
    await expect.poll(() => receiver.ask('heard'), PATIENCE).toEqual(['3', '4', '5'])
  })

  it('offers one direction only, with the bitrates that were asked for, on every platform (faults 9 and 10) [B4] [B5]', async ({
    onTestFinished,
  }) => {
    const [sender, receiver] = await callOf(onTestFinished, 'directions', {
      options: { audioBitrate: 32, videoBitrate: 300 },
    })
    await expectMedia(receiver)
    expect((await sender.ask('transceivers'))[0]).toEqual([
      { kind: 'audio', direction: 'sendonly', maxBitrate: 32_000 },
      { kind: 'video', direction: 'sendonly', maxBitrate: 300_000 },
    ])
    expect((await receiver.ask('transceivers'))[0]).toMatchObject([{ direction: 'recvonly' }, { direction: 'recvonly' }])
  })

  it('goes on when another client of the bus sends its ends, answers and candidates (fault 11) [Law 6] [X14]', async ({
    onTestFinished,
  }) => {
    const [sender, receiver] = await callOf(onTestFinished, 'hostile')
    await expectMedia(receiver)
    const ids = { sender: await sender.ask('id'), receiver: await receiver.ask('id') }
    const stranger = new WebSocketDriver(lab.server.url)
    onTestFinished(() => stranger.close())
    await new Promise<void>(resolve => stranger.watch({ open: resolve, close: () => {}, warning: () => {} }))
    const answer = { type: 'answer', sdp: 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n' }
    const candidate = { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
    for (const marks of [{}, { swarmlink: 1 }, { swarmlink: 1, session: '0123456789abcdef', attempt: 9 }]) {
      stranger.emit(['receiver', 'hostile', ids.receiver], { type: 'dispose', id: ids.sender, ...marks })
      stranger.emit(['receiver', 'hostile', ids.receiver], { type: 'candidate', id: ids.sender, candidate, ...marks })
      stranger.emit(['sender', 'hostile', ids.sender], { type: 'dispose', id: ids.receiver, ...marks })
      stranger.emit(['sender', 'hostile', ids.sender], { type: 'answer', id: ids.receiver, answer, ...marks })
      stranger.emit(['sender', 'hostile', ids.sender], { type: 'candidate', id: ids.receiver, candidate, ...marks })
      stranger.emit(['sender', 'hostile', ids.sender], { type: 'invoke', id: ids.receiver, again: 'renew', ...marks })
    }
    await expect.poll(() => sender.ask('drops'), PATIENCE).toMatchObject({ forged: 12 })
    await expect.poll(() => receiver.ask('drops'), PATIENCE).toMatchObject({ forged: 6 })
    await expectNewPictures(sender, receiver)
    for (const side of [sender, receiver]) {
      expect(await side.all('dispose')).toEqual([])
      await expectOnePeer(side)
      expect(await side.ask('connections')).toEqual({ open: 1, listed: 1 })
    }
  })

  it('does not connect the Sender and the Receiver of one participant, on a bus that echoes (fault 12) [X14]', async ({
    onTestFinished,
  }) => {
    const [one, two] = await Promise.all([lab.open('Chromium', onTestFinished), lab.open('Node', onTestFinished)])
    for (const [side, participant, tag] of [
      [one, 'one', 1],
      [two, 'two', 2],
    ] as const) {
      const both = { start: { room: 'all' }, options: { participant } }
      await side.ask('receive', { end: 'in', ...both })
      await side.ask('send', { end: 'out', tag, ...both })
    }
    await Promise.all([expectMedia(one, { end: 'in', tag: 2 }), expectMedia(two, { end: 'in', tag: 1 })])
    for (const side of [one, two]) {
      const connects = await side.all('connect')
      expect(connects).toHaveLength(2)
      expect(new Set(connects.map(report => report['end']))).toEqual(new Set(['in', 'out']))
      // The one that entered the room first heard the other one.
      const dropped = await Promise.all(['in', 'out'].map(end => side.ask('drops', { end })))
      expect(dropped).toContainEqual(expect.objectContaining({ self: expect.any(Number) }))
    }
  })

  it('keeps two Senders of one stream apart (fault 14) [B5]', async ({ onTestFinished }) => {
    const [sender, receiver] = await Promise.all([lab.open('Chromium', onTestFinished), lab.open('Node', onTestFinished)])
    await receiver.ask('receive', { start: { room: 'twice' } })
    await sender.ask('send', { end: 'first', tag: 6, start: { room: 'twice' } })
    await sender.ask('send', { end: 'second', streamOf: 'first', start: { room: 'twice' } })
    await expect
      .poll(async () => (await receiver.ask('look')).map(({ tags }: { tags: number[] }) => tags), PATIENCE)
      .toEqual([[6], [6]])
    const ids = [await sender.ask('id', { end: 'first' }), await sender.ask('id', { end: 'second' })]
    expect(new Set((await receiver.all('stream')).map(({ id }) => id))).toEqual(new Set(ids))
    expect(ids[0]).not.toBe(ids[1])
  })
})
