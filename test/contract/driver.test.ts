import { BroadcastChannelDriver } from '../../src/signaling/pubsub/broadcast-channel.js'
import { MemoryDriver } from '../../src/signaling/pubsub/memory.js'
import { SignalServer } from '../../src/signaling/pubsub/server.js'
import { WebSocketDriver } from '../../src/signaling/pubsub/websocket.js'
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
