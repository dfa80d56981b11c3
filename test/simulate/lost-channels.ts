/** Two nodes in virtual time that share two topics, and channels that an engine or a remote closes although both ends want them. */
import type { FakeChannel, FakeConnection } from '../../support/fake-engine.js'
import { type Node, World } from './world.js'

const FURTHER = 'aa'.repeat(20)

export interface Lost {
  /** How many were closed. */
  count: number
}

/** The next `times` channels with such a label are closed as soon as they arrive at this node, before it hears of them. */
export function loseArriving(node: Node, label: RegExp, times = 1): Lost {
  const lost = { count: 0 }
  const { engine } = node
  const create = engine.createConnection.bind(engine)
  const watch = (connection: FakeConnection) => {
    connection.on('channel', channel => {
      if (!label.test(channel.label) || lost.count >= times) return
      lost.count++
      channel.close()
    })
    return connection
  }
  for (const connection of engine.connections) watch(connection) // offers that were gathered ahead
  engine.createConnection = config => watch(create(config))
  return lost
}

/** The open channels of this node with such a label. */
export function channelsOf(node: Node, label: RegExp): FakeChannel[] {
  return node.engine.alive.flatMap(({ channels }) => [...channels].filter(channel => label.test(channel.label)))
}

/** Two nodes that share two topics; nothing else brings them together from now on, unless `meet`. */
export async function sharingPair(prepare: (nodes: [Node, Node]) => void = () => {}, { meet = false } = {}) {
  const world = new World()
  const nodes: [Node, Node] = [world.join(), world.join()]
  prepare(nodes)
  await world.env.until(() => world.missingLinks() === 0, 10_000)
  if (!meet) world.hub.stop()
  const further = nodes.map(node => node.also(FURTHER))
  const swarms = [...nodes.map(({ swarm }) => swarm), ...further]
  return { world, nodes, further, swarms }
}

/** Which of the two opens the channels, and which they arrive at. */
export function sides(nodes: [Node, Node]): { caller: Node; callee: Node } {
  const [one, two] = nodes
  const isCaller = one.network.sharing.links[Symbol.iterator]().next().value?.role === 'caller'
  return isCaller ? { caller: one, callee: two } : { caller: two, callee: one }
}
