import { expect, test } from 'vitest'
import { Company } from '../../simulate/company.js'
import { World } from '../../simulate/world.js'

function setUp() {
  const world = new World()
  const company = new Company(() => world.env.now())
  const come = () => company.join(world.join())
  return { world, company, come }
}

test('Company counts a node neither as a stranger nor as part of the swarm in its first second', async () => {
  const { world, company, come } = setUp()
  for (let i = 0; i < 3; i++) come()
  await world.env.advance(10_000)
  expect(company.pieces()).toEqual({ links: 3, sizes: [3] })
  world.hub.stop()
  come()
  await world.env.advance(999)
  expect([company.loneliness().strangers, company.pieces().sizes]).toEqual([0, [3]])
  await world.env.advance(1)
  expect([company.loneliness().strangers, company.pieces().sizes]).toEqual([1, [3]])
})

test('Company counts a node and its connections as part of the swarm after its first second', async () => {
  const { world, company, come } = setUp()
  for (let i = 0; i < 3; i++) come()
  await world.env.advance(10_000)
  come()
  await world.env.advance(999)
  expect(world.nodes.map(({ swarm }) => swarm.peers.length)).toEqual([3, 3, 3, 3])
  expect(company.pieces()).toEqual({ links: 3, sizes: [3] })
  await world.env.advance(1)
  expect(company.pieces()).toEqual({ links: 6, sizes: [4] })
})
