/** Calls with pages that run the published package `p2p` 0.14.0, or a copy of the wire of its version 0.4.2. */
import { describe, expect, it } from 'vitest'
import { CallLab, expectMedia, lookAt, PATIENCE, type CallEnd } from '../support/calls.js'
import type { PageClient } from '../support/browsers/page-client.js'

const { lab, has } = await CallLab.use('Chromium', 'Node')

async function openStock(finish: (callback: () => Promise<void>) => void, path: '/stock' | '/old'): Promise<PageClient> {
  const page = await lab.openPage(finish, 'Chromium', path)
  await page.ask('open', { url: lab.server.url })
  return page
}

/** Loads the page again, as a user does. */
async function reload(page: PageClient, path: '/stock' | '/old'): Promise<void> {
  await page.load(lab.url(path))
  await page.ask('open', { url: lab.server.url })
}

async function expectNoFaults(...sides: CallEnd[]): Promise<void> {
  for (const side of sides) expect([...(await side.all('error')), ...(await side.all('uncaught'))]).toEqual([])
}

describe.skipIf(!has('Chromium'))('the published package p2p 0.14.0 in a page', () => {
  const start = { channels: { chat: true }, metadata: { name: 'stock camera' } }

  it('sends pictures, sound, metadata and messages to a Receiver, and again after its page was loaded again [B10] [X14]', async ({
    onTestFinished,
  }) => {
    const [stock, receiver] = await Promise.all([openStock(onTestFinished, '/stock'), lab.open('Node', onTestFinished)])
    await receiver.ask('receive', { start: { room: 'stock sends' } })
    await stock.ask('send', { tag: 3, hz: 880, start: { ...start, room: 'stock sends' } })
    expect(await receiver.next('stream')).toMatchObject({ tracks: ['audio', 'video'], state: { name: 'stock camera' } })
    await expectMedia(receiver, { tag: 3, hz: 880 })
    expect((await receiver.next('connect'))['peerId']).toBeUndefined()
    expect(await receiver.next('channel')).toMatchObject({ label: 'chat', state: { name: 'stock camera' } })
    await stock.ask('say', { text: 'from the stock page' })
    await receiver.ask('call', { method: 'send', args: ['to the stock page'] })
    expect(await receiver.next('message')).toMatchObject({ message: 'from the stock page', state: { name: 'stock camera' } })
    expect(await stock.next('channel:message')).toMatchObject({ message: 'to the stock page', label: 'chat' })
    await stock.ask('stop')
    // The reason is `lost` when the connection ends before the message that says so: a stock end signs nothing, so it is believed later.
    expect(await receiver.next('dispose')).toMatchObject({ state: { name: 'stock camera' } })

    await reload(stock, '/stock')
    await stock.ask('send', { tag: 4, hz: 880, start: { ...start, room: 'stock sends' } })
    await expect
      .poll(async () => (await receiver.ask('look')).map(({ tags }: { tags: number[] }) => tags), PATIENCE)
      .toEqual([[3], [4]])
    await expectNoFaults(stock, receiver)
  })

  it('receives pictures, sound, state and messages of a Sender, and again after its page was loaded again [B5] [B7] [X14]', async ({
    onTestFinished,
  }) => {
    const [sender, stock] = await Promise.all([lab.open('Chromium', onTestFinished), openStock(onTestFinished, '/stock')])
    const room = 'stock receives'
    await stock.ask('receive', { start: { room } })
    await sender.ask('send', { tag: 5, hz: 660, start: { room, state: { name: 'camera' } } })
    await expectMedia(stock, { tag: 5, hz: 660 })
    const connected = await sender.next('connect')
    expect(connected['id']).toBe(await stock.ask('id'))
    expect(connected['peerId']).toBeUndefined()
    expect(await stock.next('stream')).toMatchObject({ id: await sender.ask('id'), metadata: { name: 'camera' } })
    expect(await stock.next('channel:open')).toMatchObject({ label: connected['id'] })
    await sender.ask('call', { method: 'send', args: ['to the stock page'] })
    await stock.ask('say', { text: 'from the stock page' })
    expect(await stock.next('channel:message')).toMatchObject({ message: 'to the stock page' })
    expect(await sender.next('message')).toMatchObject({ message: 'from the stock page' })
    expect(await stock.all('channel:open'), 'the control channel is not shown to a stock end').toHaveLength(1)

    await reload(stock, '/stock')
    await stock.ask('receive', { start: { room } })
    await expectMedia(stock, { tag: 5, hz: 660 })
    await sender.ask('stop')
    await stock.next('dispose')
    await expect.poll(() => stock.ask('connections'), PATIENCE).toEqual({ open: 0, listed: 0 })
    await expectNoFaults(sender, stock)
  })

  it('gets the pictures of another track of the Sender by another connection [B5] [X14]', async ({ onTestFinished }) => {
    const [sender, stock] = await Promise.all([lab.open('Chromium', onTestFinished), openStock(onTestFinished, '/stock')])
    const room = 'stock negotiates'
    await stock.ask('receive', { start: { room } })
    await sender.ask('send', { kinds: ['audio'], hz: 660, start: { room } })
    await expect.poll(() => stock.ask('tones'), PATIENCE).toEqual([660])
    await sender.ask('setStream', { kinds: ['audio', 'video'], tag: 6, hz: 880 })
    await expectMedia(stock, { tag: 6, hz: 880 })
    await expectNoFaults(sender, stock)
  })
})

describe.skipIf(!has('Chromium'))('the wire of p2p 0.4.2 in a page', () => {
  it('sends a stream, its state, a new state and messages to a Receiver [B6] [B10] [X14]', async ({ onTestFinished }) => {
    const [old, receiver] = await Promise.all([openStock(onTestFinished, '/old'), lab.open('Node', onTestFinished)])
    const room = 'old sends'
    await receiver.ask('receive', { start: { room } })
    await old.ask('send', { tag: 8, hz: 880, start: { room, state: { name: 'old camera' } } })
    expect(await receiver.next('stream')).toMatchObject({ state: { name: 'old camera' } })
    await expectMedia(receiver, { tag: 8, hz: 880 })
    await receiver.next('channel')
    await old.ask('call', { method: 'send', args: ['from 0.4.2'] })
    expect(await receiver.next('message')).toMatchObject({ message: 'from 0.4.2' })
    await old.ask('call', { method: 'sync', args: [{ audio: false }] })
    expect(await receiver.next('sync')).toMatchObject({ state: { audio: false } })
    await old.ask('stop')
    expect(await receiver.next('dispose')).toMatchObject({ state: { audio: false } })
    await expectNoFaults(old, receiver)
  })

  it('receives a stream, its state, a new state, and messages on the first channel of a Sender [B6] [B11] [X14]', async ({
    onTestFinished,
  }) => {
    const [sender, old] = await Promise.all([lab.open('Chromium', onTestFinished), openStock(onTestFinished, '/old')])
    const room = 'old receives'
    await sender.ask('send', { tag: 9, hz: 660, start: { room, state: { name: 'camera' } } })
    await old.ask('receive', { start: { room } })
    await expectMedia(old, { tag: 9, hz: 660 })
    expect(await old.next('stream')).toMatchObject({ state: { name: 'camera' } })
    expect(await old.next('channel')).toMatchObject({ label: await old.ask('id') })
    await sender.ask('call', { method: 'send', args: ['to 0.4.2'] })
    expect(await old.next('message')).toMatchObject({ message: 'to 0.4.2' })
    await sender.ask('call', { method: 'sync', args: [{ hand: 'up' }] })
    expect(await old.next('sync')).toMatchObject({ state: { hand: 'up' } })
    await sender.ask('stop')
    expect(await old.next('dispose')).toMatchObject({ state: { hand: 'up' } })
    expect(await lookAt(old)).toMatchObject({ isOrdered: true })
    await expectNoFaults(sender, old)
  })
})
