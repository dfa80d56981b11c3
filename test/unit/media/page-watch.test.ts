import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream } from '../../support/fakes/fake-rtc.js'

let page: EventTarget & { listeners: number }

/** The global object of a page. */
beforeEach(() => {
  const target = new EventTarget()
  const counted = new Set<string>()
  page = Object.assign(target, { listeners: 0 })
  vi.stubGlobal('addEventListener', (type: string, listener: () => void) => {
    target.addEventListener(type, listener)
    counted.add(type)
    page.listeners = counted.size
  })
  vi.stubGlobal('removeEventListener', (type: string, listener: () => void) => {
    target.removeEventListener(type, listener)
    counted.delete(type)
    page.listeners = counted.size
  })
})
afterEach(() => void vi.unstubAllGlobals())

async function call() {
  const world = new CallWorld()
  const [sender, receiver] = [world.sender(), world.receiver()]
  sender.end.start({ stream: newStream('video'), state: 'kept', room: 'a room' })
  await world.advance(10)
  vi.unstubAllGlobals() // only the Sender is in this page
  receiver.end.start({ room: 'a room' })
  await world.connected(sender, receiver)
  await world.advance(500)
  return { world, sender, receiver }
}

describe('a page that is left', () => {
  test('says goodbye before it can sign anything, also when only the bus works [X14]', async () => {
    const { world, sender, receiver } = await call()
    sender.machine.cut()
    const { id } = sender
    page.dispatchEvent(new Event('pagehide'))
    const goodbye = world.emitted.at(-1)! // in the same turn
    expect(goodbye.message).toMatchObject({ type: 'dispose', reason: 'left', id })
    await world.advance(50)
    expect(receiver.all('dispose')).toMatchObject([{ id, reason: 'left' }])
    await world.stop()
  })

  test('enters its room again when the browser shows it again, with its stream and its state [X14]', async () => {
    const { world, sender, receiver } = await call()
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
    page.dispatchEvent(new Event('pagehide'))
    await world.advance(1_000)
    expect(sender.end.id).toBeUndefined()
    page.dispatchEvent(new Event('pageshow'))
    await world.env.until(() => receiver.count('connect') === 2)
    expect(receiver.all('stream')[1]).toMatchObject({ id: sender.id, state: 'kept' })
    page.dispatchEvent(new Event('pageshow'))
    await world.advance(1_000)
    expect(sender.errors).toEqual([])
    await world.stop()
  })

  test('stays away after stop(), and keeps no listener [X14] [Law 5]', async () => {
    const { world, sender } = await call()
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
    page.dispatchEvent(new Event('pagehide'))
    await sender.end.stop()
    page.dispatchEvent(new Event('pageshow'))
    await world.advance(1_000)
    expect(sender.end.id).toBeUndefined()
    await world.stop()
  })

  test('whose network is back restarts its path [X14]', async () => {
    const { world, sender, receiver } = await call()
    const before = receiver.machine.open[0]!.remoteDescription
    page.dispatchEvent(new Event('online'))
    await world.advance(100)
    expect(receiver.machine.open[0]!.remoteDescription).not.toBe(before)
    expect([...sender.names, ...receiver.names]).not.toContain('reconnecting')
    await world.stop()
  })
})
