import { describe, expect, test } from 'vitest'
import { play } from '../../../src/media/play.js'

/** A media element that plays, or throws what the browser would throw. */
function fakeElement(failure?: string) {
  const element = {
    srcObject: null as unknown,
    ownerDocument: new EventTarget(),
    failure,
    play: () => (element.failure === undefined ? Promise.resolve() : Promise.reject(new DOMException('no', element.failure))),
  }
  return { element, media: element as unknown as HTMLMediaElement }
}

const stream = {} as MediaStream
const gesture = (element: { ownerDocument: EventTarget }) => element.ownerDocument.dispatchEvent(new Event('pointerdown'))

describe('play', () => {
  test('shows the stream and tells that it plays [B10]', async () => {
    const { element, media } = fakeElement()
    const { isBlocked, playing } = await play(media, stream)
    expect([element.srcObject, isBlocked, await playing]).toEqual([stream, false, true])
  })

  test('tells that the browser blocks it, and plays with the next gesture that is enough [B10]', async () => {
    const { element, media } = fakeElement('NotAllowedError')
    const { isBlocked, playing } = await play(media, stream)
    expect(isBlocked).toBe(true)
    gesture(element) // not enough for this browser
    await Promise.resolve()
    element.failure = undefined
    await new Promise(resolve => setImmediate(resolve))
    gesture(element)
    expect(await playing).toBe(true)
  })

  test('gives up when the element shows another stream by then, or none [B10]', async () => {
    const { element, media } = fakeElement('NotAllowedError')
    const { playing } = await play(media, stream)
    await play(media, null)
    gesture(element)
    expect(await playing).toBe(false)
    element.failure = 'AbortError'
    expect(await (await play(media, stream)).playing).toBe(false)
  })
})
