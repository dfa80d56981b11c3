/** Two nodes in virtual time that share two topics, with channels that an engine or a remote closes although both ends want them. */
import type { FakeChannel, FakeConnection } from '../support/fakes/fake-engine.js'
import { type Node, World } from './world.js'

const FURTHER = 'aa'.repeat(20)

export interface Lost {
  /** Channels closed so far. */
  count: number
}

/** Closes the next `times` channels with such a label as they arrive at this node, before the node sees them. */
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
  for (const connection of engine.connections) watch(connection) // includes the offers gathered ahead
  engine.createConnection = config => watch(create(config))
  return lost
}

/** The open channels of this node with such a label. */
export function channelsOf(node: Node, label: RegExp): FakeChannel[] {
  return node.engine.alive.flatMap(({ channels }) => [...channels].filter(channel => label.test(channel.label)))
}

/** Two nodes that share two topics. Nothing else introduces them from now on, unless `meet` is set. */
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

/** Finds which of the two opens the channels and which receives them. */
export function sides(nodes: [Node, Node]): { offerer: Node; answerer: Node } {
  const [one, two] = nodes
  const isCaller = one.runtime.sharedTopics.sessions[Symbol.iterator]().next().value?.role === 'offerer'
  return isCaller ? { offerer: one, answerer: two } : { offerer: two, answerer: one }
}
