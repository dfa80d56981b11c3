import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openTextSocket } from '../../../src/core/text-socket.js'

/** A WebSocket whose events the test fires. */
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
  const connecting = openTextSocket(socket, controller.signal, gone => gone.terminate())
  socket.opened()
  return { socket, controller, textSocket: await connecting }
}

async function readAll(textSocket: AsyncIterable<string>): Promise<{ texts: string[]; error: unknown }> {
  const texts: string[] = []
  try {
    for await (const text of textSocket) texts.push(text)
    return { texts, error: undefined }
  } catch (error) {
    return { texts, error }
  }
}

describe('openTextSocket', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  test('carries texts both ways in order, and reads a binary frame as an empty text [A4]', async () => {
    const { socket, textSocket } = await setUp()
    textSocket.send('hello')
    socket.message('a')
    socket.message(new Uint8Array(3))
    socket.message('b')
    const reading = readAll(textSocket)
    socket.message('c')
    socket.gone(1000)
    expect(await reading).toEqual({
      texts: ['a', '', 'b', 'c'],
      error: expect.objectContaining({ message: expect.stringContaining('1000') as string }) as unknown,
    })
    expect([socket.sent, textSocket.bufferedAmount]).toEqual([['hello'], 5])
    textSocket.send('too late')
    expect(socket.sent).toEqual(['hello'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('ends the iteration when the socket has closed, not at the abort [A4]', async () => {
    const { socket, controller, textSocket } = await setUp()
    socket.message('unread, dropped by the abort')
    controller.abort()
    let ended = false
    const reading = readAll(textSocket).then(result => {
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

  test('terminates the socket 500 ms after close() if the server does not close its side [A4]', async () => {
    const { socket, textSocket } = await setUp()
    textSocket.close()
    textSocket.close()
    const reading = readAll(textSocket)
    await vi.advanceTimersByTimeAsync(500)
    expect(await reading).toEqual({ texts: [], error: undefined })
    expect([socket.closes, socket.terminations, vi.getTimerCount()]).toEqual([1, 1, 0])
  })

  test('closes the socket when the loop is left, and waits for the close [A4]', async () => {
    const { socket, textSocket } = await setUp()
    socket.message('a')
    let left = false
    const reading = (async () => {
      for await (const _text of textSocket) break
      left = true
    })()
    await vi.advanceTimersByTimeAsync(1)
    expect([socket.closes, left]).toEqual([1, false])
    socket.gone(1000)
    await reading
  })

  test('rejects with the error of the socket if it closes before it opens [A4]', async () => {
    const socket = new FakeSocket()
    const connecting = openTextSocket(socket, new AbortController().signal, gone => gone.terminate())
    socket.onerror?.({ error: new Error('ECONNREFUSED') } as never)
    socket.gone(1006)
    await expect(connecting).rejects.toThrow('ECONNREFUSED')
  })

  test.each(['before', 'while'])('rejects at an abort %s dialling [A4]', async moment => {
    const socket = new FakeSocket()
    const controller = new AbortController()
    if (moment === 'before') controller.abort()
    const connecting = openTextSocket(socket, controller.signal, gone => gone.terminate())
    controller.abort()
    await expect(connecting).rejects.toThrow('closed before it opened')
    expect(socket.terminations).toBe(1)
  })

  test('closes the socket of a server that floods, by number of frames and by length [A6]', async () => {
    const byNumber = await setUp()
    for (let i = 0; i < 5_000; i++) byNumber.socket.message('x')
    expect(byNumber.socket.closes).toBe(1)
    byNumber.socket.gone(1000)
    expect((await readAll(byNumber.textSocket)).error).toMatchObject({ message: expect.stringContaining('faster') as string })

    const byLength = await setUp()
    for (let i = 0; i < 20; i++) byLength.socket.message('x'.repeat(1_000_000))
    expect(byLength.socket.closes).toBe(1)
    byLength.socket.gone(1000)
    expect((await readAll(byLength.textSocket)).texts).toEqual([])
  })

  test('lets a fast reader read any amount [A6]', async () => {
    const { socket, textSocket } = await setUp()
    const reading = readAll(textSocket)
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 100; j++) socket.message('x'.repeat(1_000))
      await vi.advanceTimersByTimeAsync(1)
    }
    socket.gone(1000)
    expect((await reading).texts).toHaveLength(10_000)
  })
})
