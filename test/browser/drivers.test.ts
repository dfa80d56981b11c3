import { afterEach, describe, expect, it } from 'vitest'
import { BroadcastChannelDriver } from '../../src/signaling/drivers/broadcast-channel-driver.js'

const open: Array<() => unknown> = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** The code of a worker or frame: a driver that announces itself and answers questions. */
function program(channel: string, who: string): string {
  const url = new URL(
    '../../src/signaling/drivers/broadcast-channel-driver.ts',
    location.origin + new URL(import.meta.url).pathname,
  ).href
  return `
    import { BroadcastChannelDriver } from ${JSON.stringify(url)}
    const driver = new BroadcastChannelDriver(${JSON.stringify(channel)})
    driver.on(['question'], message => driver.emit(['answer'], [${JSON.stringify(who)}, message]))
    driver.emit(['here'], ${JSON.stringify(who)})
  `
}

function startWorker(code: string): void {
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const worker = new Worker(url, { type: 'module' })
  open.push(() => {
    worker.terminate()
    URL.revokeObjectURL(url)
  })
}

function startFrame(code: string): void {
  const frame = document.createElement('iframe')
  frame.srcdoc = `<!doctype html><script type="module">${code}</script>`
  document.body.append(frame)
  open.push(() => frame.remove())
}

describe('BroadcastChannelDriver in a browser [B12]', () => {
  it('connects a page, a frame and a worker, and no other channel [B12]', async () => {
    const channel = `room ${Math.random()}`
    const driver = new BroadcastChannelDriver(channel)
    const stranger = new BroadcastChannelDriver(`${channel} not`)
    open.push(
      () => driver.close(),
      () => stranger.close(),
    )
    stranger.on(['answer'], () => expect.unreachable('it is on another channel'))
    const here = new Promise<void>(resolve => {
      const names = new Set<unknown>()
      driver.on(['here'], name => names.add(name).size === 2 && resolve())
    })
    const answers = new Map<unknown, unknown>()
    const answered = new Promise<void>(resolve => {
      driver.on(['answer'], message => {
        const [who, answer] = message as [string, unknown] // the program above emits this
        if (answers.set(who, answer).size === 2) resolve()
      })
    })
    startWorker(program(channel, 'worker'))
    startFrame(program(channel, 'frame'))
    await here
    const question = { sdp: 'a=x\r\n'.repeat(3_000), text: 'grüße 👋🏽' }
    driver.emit(['question'], question)
    await answered
    expect(answers).toEqual(
      new Map([
        ['worker', question],
        ['frame', question],
      ]),
    )
  })
})
