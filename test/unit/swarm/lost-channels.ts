/** Channels that an engine or a remote closes although both ends want them. */
import type { FakeChannel, FakeConnection } from '../../support/fake-engine.js'
import type { Node } from './world.js'

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
