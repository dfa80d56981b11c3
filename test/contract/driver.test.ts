import { afterAll, beforeAll, describe } from 'vitest'
import { BroadcastChannelDriver } from '../../src/signaling/drivers/broadcast-channel-driver.js'
import { MemoryDriver } from '../../src/signaling/drivers/memory-driver.js'
import { NatsDriver } from '../../src/signaling/drivers/nats-driver.js'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { WebSocketDriver } from '../../src/signaling/drivers/websocket-driver.js'
import { NatsServer, requireNats } from '../support/nats.js'
import { runBreakableDriverSuite, runDriverSuite } from './driver-suite.js'

runDriverSuite('MemoryDriver', async () => {
  const a = new MemoryDriver()
  return { a, b: new MemoryDriver(a) }
})

runDriverSuite('BroadcastChannelDriver', async () => {
  const name = `contract ${Math.random()}`
  return { a: new BroadcastChannelDriver(name), b: new BroadcastChannelDriver(name) }
})

runBreakableDriverSuite('WebSocketDriver', async () => {
  let server = await SignalServer.listen()
  const { url } = server
  return {
    a: new WebSocketDriver(url),
    b: new WebSocketDriver(url),
    cut: () => server.close(),
    async mend() {
      server = await SignalServer.listen({ port: Number(new URL(url).port) })
    },
    end: () => server.close(),
  }
})

const nats = await requireNats()

describe.skipIf(nats === undefined)('nats-server', () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await NatsServer.start()
  })
  afterAll(() => server.kill())

  runBreakableDriverSuite('NatsDriver', async () => ({
    a: new NatsDriver({ servers: server.url }),
    b: new NatsDriver({ servers: server.url }),
    cut: () => server.kill(),
    async mend() {
      server = await server.again()
    },
  }))
})
