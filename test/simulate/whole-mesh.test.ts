import { describe, expect, test } from 'vitest'
import { type Member, WholeMesh } from './whole-mesh.js'

const TEXTS = ['a', 'b', 'c']

async function settled(count: number, options = {}): Promise<{ mesh: WholeMesh; members: Member[] }> {
  const mesh = new WholeMesh()
  const members = await mesh.joinMany(count, options)
  await mesh.world.env.advance(15_000)
  return { mesh, members }
}

async function say(mesh: WholeMesh, from: Member, texts = TEXTS): Promise<void> {
  for (const text of texts) await from.post('chat', text)
  await mesh.world.env.advance(2_000)
}

describe('a mesh of the whole stack', () => {
  test('connects members over one tracker, and broadcasts reach all of them in order [C6]', async () => {
    const { mesh, members } = await settled(20)
    const [first, ...others] = members as [Member, ...Member[]]
    for (const { node } of members) {
      expect(node.edges.size).toBeGreaterThanOrEqual(2)
      expect(node.edges.size).toBeLessThanOrEqual(7)
    }
    await say(mesh, first)
    for (const other of others) expect(other.heard(first)).toEqual(TEXTS)
    expect(members.flatMap(({ warnings }) => warnings)).toEqual([])
    await mesh.closeAll()
  })

  test('reaches the survivors when half of it dies without a word and the tracker is gone [C5]', async () => {
    const { mesh, members } = await settled(20)
    for (const hub of mesh.world.hubs) hub.stop()
    for (const member of members.slice(10)) mesh.kill(member)
    await mesh.world.env.advance(20_000)
    const [first, ...others] = members.slice(0, 10) as [Member, ...Member[]]
    await say(mesh, first)
    for (const other of others) expect(other.heard(first)).toEqual(TEXTS)
    await mesh.closeAll()
  })

  test('stays one island, counted right, when its root dies and the tracker is gone [C5]', async () => {
    const { mesh, members } = await settled(14, { maxPeers: 4 })
    for (const hub of mesh.world.hubs) hub.stop()
    const root = members.find(({ node }) => node.core.island.root === node.core.id)!
    for (const { losses } of members) losses.clear()
    mesh.kill(root)
    await mesh.world.env.advance(60_000)
    expect(new Set(mesh.members.map(({ losses }) => losses.get(root.peerId)))).toEqual(new Set([undefined, 'silent']))
    expect(new Set(mesh.members.map(({ node }) => node.core.island.root)).size).toBe(1)
    expect(mesh.members.map(({ node }) => node.core.size)).toEqual(Array(13).fill(13))
    expect(mesh.members.map(({ sizes }) => sizes.at(-1))).toEqual(Array(13).fill(13))
    await mesh.closeAll()
  })

  test('tells `silent` of a member that stopped answering, and `cut` of one whose connection broke before [C5]', async () => {
    const { mesh, members } = await settled(6)
    const [first, second, ...others] = members as [Member, Member, ...Member[]]
    for (const { losses } of members) losses.clear()
    mesh.kill(first)
    await mesh.world.env.advance(40_000)
    const reasons = ({ peerId }: Member) => new Set(others.map(({ losses }) => losses.get(peerId)))
    expect(reasons(first)).toEqual(new Set(['silent']))
    for (const connection of second.engine.alive) connection.close()
    await mesh.world.env.advance(100)
    expect(reasons(second)).toEqual(new Set(['cut']))
    await mesh.closeAll()
  })

  test('becomes one when two islands that never met hear of each other, and both get what the other said [X11]', async () => {
    const mesh = new WholeMesh({ hubs: [{ name: 'one' }, { name: 'two' }] })
    const [one, two] = mesh.world.hubs as [(typeof mesh.world.hubs)[0], (typeof mesh.world.hubs)[0]]
    const left = await mesh.joinMany(7, { hubs: [one] })
    const right = await mesh.joinMany(7, { hubs: [two] })
    await mesh.world.env.advance(15_000)
    await say(mesh, left[0]!)
    for (const member of right) expect(member.heard(left[0]!)).toEqual([])
    await mesh.join() // knows both trackers
    await mesh.world.env.advance(15_000)
    await say(mesh, left[0]!, ['d'])
    for (const member of right) expect(member.heard(left[0]!)).toEqual([...TEXTS, 'd'])
    expect(new Set(mesh.members.map(({ node }) => node.core.island.root)).size).toBe(1)
    await mesh.closeAll()
  })

  test('sends what a member broadcasts in the event of its first connection [C6] [Law 8]', async () => {
    const mesh = new WholeMesh()
    const greetings: Array<Promise<number>> = []
    const connected = (member: Member) => void greetings.push(member.post('chat', 'hello'))
    const [one, two] = (await mesh.joinMany(2, { connected })) as [Member, Member]
    await mesh.world.env.advance(5_000)
    expect(await Promise.all(greetings)).toEqual([0, 0])
    expect([one.heard(two), two.heard(one)]).toEqual([['hello'], ['hello']])
    await mesh.closeAll()
  })

  test('needs the trackers for the first members only: the others are met over neighbours [C5]', async () => {
    const { mesh, members } = await settled(8, { maxPeers: 3 })
    const newcomer = await mesh.join({ maxPeers: 3 })
    await mesh.world.env.advance(300)
    for (const hub of mesh.world.hubs) hub.stop()
    await mesh.world.env.advance(15_000)
    expect(newcomer.node.edges.size).toBeGreaterThanOrEqual(2)
    const origins = members.flatMap(({ node, peerId }) => Object.keys(node.stats(peerId).stages))
    expect(origins).toContain('mesh')
    await mesh.closeAll()
  })

  test('uses the connections of another mesh of the same two members [C1]', async () => {
    const mesh = new WholeMesh()
    const members = await mesh.joinMany(4)
    await mesh.world.env.advance(10_000)
    const before = mesh.world.net.created
    const further = await Promise.all(members.map(member => mesh.join({ shareWith: member, name: 'other', hubs: [] })))
    await mesh.world.env.advance(10_000)
    for (const { node } of further) expect(node.edges.size).toBe(3)
    expect(mesh.world.net.created).toBe(before)
    await say(mesh, further[0]!)
    for (const member of further.slice(1)) expect(member.heard(further[0]!)).toEqual(TEXTS)
    for (const member of members.slice(1)) expect(member.heard(members[0]!)).toEqual([])
    await mesh.closeAll()
  })

  test('gives a newcomer as much of the past as it asks for, and what follows, in order [X11]', async () => {
    const { mesh, members } = await settled(6)
    const [first] = members as [Member]
    await say(mesh, first, ['1', '2', '3', '4', '5'])
    const [late, forgetful] = await mesh.joinMany(2)
    late!.node.core.setHistory('chat', 3)
    await mesh.world.env.advance(10_000)
    await say(mesh, first, ['6'])
    expect(late!.heard(first)).toEqual(['3', '4', '5', '6'])
    expect(forgetful!.heard(first)).toEqual(['6'])
    const kept = late!.node.core.kept('chat', 2)
    expect(kept.map(({ sequence }) => sequence)).toEqual([4, 5])
    await mesh.closeAll()
  })

  test('passes a direct message to a neighbour [C2]', async () => {
    const { mesh, members } = await settled(3)
    const [first, second] = members as [Member, Member]
    await mesh.settle(first.node.edges.sendDirect(second.peerId, { hello: [1, 2] }))
    await mesh.world.env.advance(100)
    expect(second.direct).toEqual([{ from: first.peerId, data: { hello: [1, 2] } }])
    await mesh.closeAll()
  })

  test('reaches each tab of a member, and tells of the first that connects and the last that is gone [C2] [C3]', async () => {
    const { mesh, members } = await settled(2)
    const [first, tab] = members as [Member, Member]
    const other = await mesh.join({ sameAs: tab })
    await mesh.world.env.advance(10_000)
    expect(first.node.edges.peers).toEqual([tab.peerId])
    expect(first.node.core.size).toBe(3)
    await mesh.settle(first.node.edges.sendDirect(tab.peerId, 'to all tabs'))
    await mesh.settle(tab.node.edges.sendDirect(tab.peerId, 'from the other tab'))
    expect(tab.direct.map(({ data }) => data)).toEqual(['to all tabs'])
    expect(other.direct.map(({ data }) => data)).toEqual(['to all tabs', 'from the other tab'])
    await say(mesh, tab, ['one'])
    await say(mesh, other, ['two'])
    expect([first.heard(tab), first.heard(other)]).toEqual([['one'], ['two']])
    await mesh.settle(tab.node.leave())
    await mesh.world.env.advance(1_000)
    await mesh.settle(first.node.edges.sendDirect(tab.peerId, 'to the other'))
    expect(other.direct.at(-1)?.data).toBe('to the other')
    await mesh.settle(other.node.leave())
    await mesh.world.env.advance(1_000)
    await expect(first.node.edges.sendDirect(tab.peerId, 'late')).rejects.toThrow('there is no connection')
    expect(first.events).toEqual([`+${tab.peerId}`, `-${tab.peerId}`])
    await mesh.closeAll()
  })

  test('is told that a member whose former process fell silent is gone, and then that it is here anew [C3]', async () => {
    const { mesh, members } = await settled(3)
    const [first, former] = members as [Member, Member, Member]
    first.events.length = 0
    mesh.kill(former)
    await mesh.world.env.advance(8_000)
    await mesh.join({ sameAs: former })
    await mesh.world.env.advance(40_000)
    expect(first.events).toEqual([`-${former.peerId}`, `+${former.peerId}`])
    expect(first.losses.get(former.peerId)).toBe('silent')
    expect(first.node.edges.peers).toContain(former.peerId)
    await mesh.closeAll()
  })

  test('tells the neighbours of a member that leaves, and leaves nothing behind [C2]', async () => {
    const { mesh, members } = await settled(6)
    const [first, ...others] = members as [Member, ...Member[]]
    await mesh.settle(first.node.leave())
    await mesh.world.env.advance(2_000)
    for (const { node } of others) expect(node.edges.to(first.peerId)).toEqual([])
    expect(new Set(others.map(({ losses }) => losses.get(first.peerId)))).toEqual(new Set(['left']))
    await mesh.closeAll()
    await mesh.world.env.advance(60_000)
    const left = members.flatMap(({ engine }) => engine.connections.filter(({ state }) => state !== 'closed'))
    expect(left).toEqual([])
  })
})
