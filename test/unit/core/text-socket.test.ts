import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectLink } from '../../../src/core/link.js'

/** A WebSocket that does what it is told, when it is told. */
class FakeSocket {
  readyState = 0
  bufferedAmount = 5
  readonly sent: string[] = []
  closes = 0
  terminations = 0
  onopen: ((event: never) => void) | null = null
  onclose: ((event: never) => void) | null = null
  onerror: ((event: never) => void) | null = null
  onmessage: ((event: never) => void) | null = null

  send(text: string): void {
    this.sent.push(text)
  }
  close(): void {
    this.closes++
    this.readyState = 2
  }
  terminate(): void {
    this.terminations++
    this.gone(1006)
  }
  opened(): void {
    this.readyState = 1
    this.onopen?.({} as never)
  }
  message(data: unknown): void {
    this.onmessage?.({ data } as never)
  }
  gone(code: number): void {
    this.readyState = 3
    this.onclose?.({ code } as never)
  }
}

async function setUp() {
  const socket = new FakeSocket()
  const controller = new AbortController()
  const connecting = connectLink(socket, controller.signal, gone => gone.terminate())
  socket.opened()
  return { socket, controller, link: await connecting }
}

async function readAll(link: AsyncIterable<string>): Promise<{ texts: string[]; error: unknown }> {
  const texts: string[] = []
  try {
    for await (const text of link) texts.push(text)
    return { texts, error: undefined }
  } catch (error) {
    return { texts, error }
  }
}

describe('a WebSocket as a link', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  test('A4 texts go in and out in order; binary frames arrive as an empty text', async () => {
    const { socket, link } = await setUp()
    link.send('hello')
    socket.message('a')
    socket.message(new Uint8Array(3))
    socket.message('b')
    const reading = readAll(link)
    socket.message('c')
    socket.gone(1000)
    expect(await reading).toEqual({
      texts: ['a', '', 'b', 'c'],
      error: expect.objectContaining({ message: expect.stringContaining('1000') as string }) as unknown,
    })
    expect([socket.sent, link.bufferedAmount]).toEqual([['hello'], 5])
    link.send('too late')
    expect(socket.sent).toEqual(['hello'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('A4 iterating ends when the socket is gone, not when it was asked to go', async () => {
    const { socket, controller, link } = await setUp()
    socket.message('unread, and not of interest any more')
    controller.abort()
    let ended = false
    const reading = readAll(link).then(result => {
      ended = true
      return result
    })
    await vi.advanceTimersByTimeAsync(100)
    expect([socket.closes, ended]).toEqual([1, false])
    socket.message('late')
    socket.gone(1000)
    expect(await reading).toEqual({ texts: [], error: undefined })
    expect([socket.terminations, vi.getTimerCount()]).toEqual([0, 0])
  })

  test('A4 a server that does not close its side is not waited for', async () => {
    const { socket, link } = await setUp()
    link.close()
    link.close()
    const reading = readAll(link)
    await vi.advanceTimersByTimeAsync(500)
    expect(await reading).toEqual({ texts: [], error: undefined })
    expect([socket.closes, socket.terminations, vi.getTimerCount()]).toEqual([1, 1, 0])
  })

  test('A4 breaking out of the loop closes the socket, and waits for it', async () => {
    const { socket, link } = await setUp()
    socket.message('a')
    let left = false
    const reading = (async () => {
      for await (const _text of link) break
      left = true
    })()
    await vi.advanceTimersByTimeAsync(1)
    expect([socket.closes, left]).toEqual([1, false])
    socket.gone(1000)
    await reading
  })

  test('A4 a socket that closes before it opens is a rejection with its reason', async () => {
    const socket = new FakeSocket()
    const connecting = connectLink(socket, new AbortController().signal, gone => gone.terminate())
    socket.onerror?.({ error: new Error('ECONNREFUSED') } as never)
    socket.gone(1006)
    await expect(connecting).rejects.toThrow('ECONNREFUSED')
  })

  test.each(['before', 'while'])('A4 an abort %s it dials is a rejection', async moment => {
    const socket = new FakeSocket()
    const controller = new AbortController()
    if (moment === 'before') controller.abort()
    const connecting = connectLink(socket, controller.signal, gone => gone.terminate())
    controller.abort()
    await expect(connecting).rejects.toThrow('closed before it opened')
    expect(socket.terminations).toBe(1)
  })

  test('A6 a server that floods is cut off, by number and by length', async () => {
    const byNumber = await setUp()
    for (let i = 0; i < 5_000; i++) byNumber.socket.message('x')
    expect(byNumber.socket.closes).toBe(1)
    byNumber.socket.gone(1000)
    expect((await readAll(byNumber.link)).error).toMatchObject({ message: expect.stringContaining('faster') as string })

    const byLength = await setUp()
    for (let i = 0; i < 20; i++) byLength.socket.message('x'.repeat(1_000_000))
    expect(byLength.socket.closes).toBe(1)
    byLength.socket.gone(1000)
    expect((await readAll(byLength.link)).texts).toEqual([])
  })

  test('A6 a reader that keeps up may read any amount', async () => {
    const { socket, link } = await setUp()
    const reading = readAll(link)
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 100; j++) socket.message('x'.repeat(1_000))
      await vi.advanceTimersByTimeAsync(1)
    }
    socket.gone(1000)
    expect((await reading).texts).toHaveLength(10_000)
  })
})
