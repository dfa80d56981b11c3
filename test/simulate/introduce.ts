/** How two meet where there is no tracker any more. */
import { FakeHub } from '../../support/fake-signaling.js'
import type { Node, World } from './world.js'

/** These two meet on a tracker of their own, which is gone as soon as they have. */
export async function introduce(world: World, member: Node, newcomer: Node): Promise<void> {
  const hub = new FakeHub(world.env, { name: `hub of ${member.announceId} and ${newcomer.announceId}` })
  const clients = [member, newcomer].map(node => {
    const client = hub.client()
    node.swarm.attach(client)
    return { node, client }
  })
  const met = () => newcomer.swarm.peers.some(({ remote }) => remote.announceId === member.announceId)
  await world.env.until(met, 10_000)
  hub.stop()
  for (const { node, client } of clients) {
    void node.swarm.detach(client.name)
    client.close()
  }
}
