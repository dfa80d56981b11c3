/** Calls between pages and processes, proven by the content of pictures and sound. */
import { describe, expect, it } from 'vitest'
import { CallLab, expectCall, expectMedia, PATIENCE, type Place } from '../support/calls.js'
import { Processes } from '../support/processes.js'

const { lab, has } = await CallLab.use('Chromium', 'Firefox', 'Node')

const PAIRS: Array<[Place, Place]> = [
  ['Chromium', 'Chromium'],
  ['Chromium', 'Node'],
  ['Node', 'Chromium'],
  ['Node', 'Node'],
  ['Firefox', 'Chromium'],
  ['Chromium', 'Firefox'],
  ['Firefox', 'Firefox'],
]

describe('a call over a signal server', () => {
  for (const [sends, receives] of PAIRS)
    it.skipIf(!has(sends, receives))(
      `carries every picture in order, the tone, messages, state, mute and the end from ${sends} to ${receives} [B5] [B6] [B7] [B10] [X14]`,
      async ({ onTestFinished }) => {
        const [sender, receiver] = await Promise.all([lab.open(sends, onTestFinished), lab.open(receives, onTestFinished)])
        await expectCall(sender, receiver, { room: `${sends} to ${receives}` })
      },
    )
})

it.skipIf(!has('Chromium'))(
  'a call connects two tabs over a BroadcastChannel, without any server [B12] [X14]',
  async ({ onTestFinished }) => {
    const sender = await lab.openPage(onTestFinished)
    const receiver = await sender.another(lab.url('/'))
    for (const tab of [sender, receiver]) await tab.ask('open', { channel: 'tabs' })
    await expectCall(sender, receiver)
  },
)

it.skipIf(!has('Chromium'))(
  'a Receiver in another room, and one that verify() refuses, get no picture and no connection [B4] [B9] [X14]',
  async ({ onTestFinished }) => {
    const [sender, receivers] = await Promise.all([lab.open('Chromium', onTestFinished), lab.open('Node', onTestFinished)])
    await sender.ask('send', { start: { room: 'right' }, options: { verify: 'ticket' } })
    await receivers.ask('receive', { end: 'elsewhere', start: { room: 'wrong', credentials: 'ticket' } })
    await receivers.ask('receive', { end: 'refused', start: { room: 'right', credentials: 'forged' } })
    await receivers.ask('receive', { end: 'guest', start: { room: 'right', credentials: 'ticket' } })
    await expectMedia(receivers, { end: 'guest' })
    await expect.poll(() => sender.ask('drops'), PATIENCE).toMatchObject({ refused: 1 })
    await sender.ask('drawMore', { more: 15 })
    for (const end of ['elsewhere', 'refused']) {
      expect(await receivers.ask('look', { end })).toEqual([])
      expect(await receivers.ask('connections', { end })).toEqual({ open: 0, listed: 0 })
    }
    expect((await receivers.all('connect')).map(report => report['end'])).toEqual(['guest'])
    expect(await sender.ask('connections')).toEqual({ open: 1, listed: 1 })
  },
)

it('a Sender in Node changes bitrates while the call goes on [B10]', async ({ onTestFinished }) => {
  const [sender, receiver] = await Promise.all([lab.open('Node', onTestFinished), lab.open('Node', onTestFinished)])
  await receiver.ask('receive', { start: { room: 'bitrates' } })
  await sender.ask('send', { start: { room: 'bitrates' } })
  await expectMedia(receiver)
  for (const [audioBitrate, videoBitrate] of [
    [16, 100],
    [32, 500],
  ] as const) {
    await sender.ask('call', { method: 'setEncoding', args: [{ audioBitrate, videoBitrate, maxFramerate: 20 }] })
    await expect
      .poll(() => sender.ask('transceivers'), PATIENCE)
      .toMatchObject([[{ maxBitrate: audioBitrate * 1_000 }, { maxBitrate: videoBitrate * 1_000 }]])
  }
  expect(await sender.all('error')).toEqual([])
})

describe('node-datachannel', () => {
  const options = { wrtc: 'node-datachannel' }

  it('survives an offer with media, reports ERR_NO_MEDIA and connects for messages afterwards [X14]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const [sender, receiver] = await Promise.all([processes.start('call-process'), processes.start('call-process')])
    for (const side of [sender, receiver]) await side.ask('open', { url: lab.server.url })
    await sender.ask('send', { start: { room: 'media' } })
    await receiver.ask('receive', { start: { room: 'media' }, options })
    expect(await receiver.next('dispose')).toMatchObject({
      reason: 'refused',
      code: 'ERR_NO_MEDIA',
      text: expect.stringContaining('@roamhq/wrtc'),
    })
    expect(await sender.next('dispose')).toMatchObject({ reason: 'refused' })

    await receiver.ask('receive', { end: 'data', start: { room: 'data' }, options })
    await sender.ask('send', { end: 'data', kinds: [], start: { room: 'data' } })
    await receiver.next('channel')
    await sender.ask('call', { end: 'data', method: 'send', args: ['to node-datachannel'] })
    await receiver.ask('call', { end: 'data', method: 'send', args: ['from node-datachannel'] })
    expect(await receiver.next('message')).toMatchObject({ message: 'to node-datachannel' })
    expect(await sender.next('message')).toMatchObject({ message: 'from node-datachannel' })
    expect(await receiver.end()).toMatchObject({ code: 0, signal: null })
  })

  it('as a Sender refuses a stream with ERR_NO_MEDIA, and sends messages to a page [B5] [X14]', async ({ onTestFinished }) => {
    const sender = await new Processes(onTestFinished).start('call-process')
    await sender.ask('open', { url: lab.server.url })
    await sender.ask('send', { start: { room: 'refused stream' }, options })
    expect(await sender.next('error')).toMatchObject({ code: 'ERR_NO_MEDIA' })
    if (!has('Chromium')) return
    const receiver = await lab.open('Chromium', onTestFinished)
    await receiver.ask('receive', { start: { room: 'messages' } })
    await sender.ask('send', { end: 'data', kinds: [], start: { room: 'messages' }, options })
    await sender.ask('call', { end: 'data', method: 'send', args: ['hello'] })
    expect(await receiver.next('message')).toMatchObject({ message: 'hello' })
  })
})
