/** What a mesh costs: traffic without posts, memory, processor time. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { settledWorld, type Figures, type ScenarioOptions } from './settled-world.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void // V8 defines it with this flag

export function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Nothing is posted for a minute. */
export function idle(options: ScenarioOptions): Figures {
  const world = settledWorld(options)
  world.run(30_000)
  world.traffic.reset()
  world.run(60_000)
  return {
    bytesPerSecond: world.traffic.bytes() / 60 / options.nodes,
    messagesPerSecond: world.traffic.messages() / 60 / options.nodes,
  }
}

/** The heap of a settled mesh per node, with what it shares: ids, payloads and the network's own state are in it, too. */
export function memory(options: ScenarioOptions): Figures {
  const before = heapUsed()
  const world = settledWorld(options)
  const sender = world.nodes[0]!
  for (let i = 0; i < 20; i++) {
    world.post(sender, 100)
    world.run(1_000)
  }
  world.deliveries.forget()
  return { bytesPerNode: (heapUsed() - before) / options.nodes, nodes: world.nodes.length }
}

/** Processor time of the core for each received message, with everything around it. In µs. */
export function cost(options: ScenarioOptions): Figures {
  const world = settledWorld(options)
  const sender = world.nodes[0]!
  world.post(sender, 100)
  world.run(3_000)
  const [from, events] = [process.cpuUsage().user, world.network.events]
  for (let i = 0; i < 50; i++) {
    world.post(sender, 100)
    world.run(100)
  }
  world.run(1_000)
  const spent = process.cpuUsage().user - from
  return { perPostAndNode: spent / 50 / options.nodes, perEvent: spent / (world.network.events - events) }
}
