/** Introduces two members without a lasting tracker. */
import { FakeHub } from '../support/fakes/fake-signaling.js'
import type { Node, World } from './world.js'

/** The two meet on a tracker of their own, which is stopped afterwards. */
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
