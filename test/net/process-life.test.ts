import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { Processes, type Child } from '../support/processes.js'

/** A process that something keeps alive never exits. One on a busy machine is late. */
const EXIT_TIMEOUT = 10_000
/** How long to look for an exit that must not happen. A process that nothing keeps is gone after a few milliseconds. */
const QUIET = 1_000

const nats = await requireNats()
const elapsed = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // of a TCP server
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A process whose server is down, and which only the wait for that server keeps alive. */
async function waiting(processes: Processes, kind: string, port: number): Promise<Child> {
  const child = await processes.start('waiting')
  await child.ask('begin', { kind, url: `ws://127.0.0.1:${port}` })
  await child.nth('waiting', 2) // by then everything is loaded, which also keeps a process
  child.tell('leave', {})
  await elapsed(QUIET)
  expect(child.ended).toBeUndefined()
  return child
}

describe.concurrent('a process with one object whose server is down', () => {
  it.for(['tracker', 'room'])('stays to reconnect, and ends once that is closed: %s [A6]', async (kind, { onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const port = await freePort()
    const child = await waiting(processes, kind, port)
    await processes.tracker({ port })
    expect(await child.exit()).toMatchObject({ code: 0 })
    expect(child.errors).toBe('')
  })

  it.for(['websocket', 'room with a driver'])(
    'stays to reconnect, and ends once that is closed: %s [B12]',
    async (kind, { onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const port = await freePort()
      const child = await waiting(processes, kind, port)
      const server = await SignalServer.listen({ port })
      onTestFinished(() => server.close())
      expect(await child.exit()).toMatchObject({ code: 0 })
      expect(child.errors).toBe('')
    },
  )

  it.skipIf(nats === undefined)('stays to reconnect, and ends once that is closed: nats [B12]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const port = await freePort()
    const child = await waiting(processes, 'nats', port)
    const server = await NatsServer.start({ port })
    onTestFinished(() => server.kill())
    expect(await child.exit()).toMatchObject({ code: 0 })
    expect(child.errors).toBe('')
  })
})

describe.concurrent('a process with only a driver without a server', () => {
  it.for([
    ['broadcast', 'off'],
    ['broadcast', 'close'],
    ['memory', 'nothing'],
  ])('ends: %s, subscribed and then %s [B12]', async ([kind, end], { onTestFinished }) => {
    const child = await new Processes(onTestFinished).start('waiting')
    await child.ask('subscribe', { kind, end })
    child.tell('leave', {})
    expect(await child.exit(EXIT_TIMEOUT)).toMatchObject({ code: 0 })
  })

  it('stays while a BroadcastChannelDriver is subscribed, as with a BroadcastChannel of Node [B12]', async ({
    onTestFinished,
  }) => {
    const child = await new Processes(onTestFinished).start('waiting')
    await child.ask('subscribe', { kind: 'broadcast', end: 'nothing' })
    child.tell('leave', {})
    await elapsed(QUIET)
    expect(child.ended).toBeUndefined()
  })
})
