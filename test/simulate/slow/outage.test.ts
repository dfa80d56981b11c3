import { expect, test } from 'vitest'
import { Simulation } from '../simulation.js'

test.each([3, 6, 9])('a changing swarm outlives its tracker: no member is alone, seed %i [X2] [X7]', async seed => {
  const simulation = new Simulation({ clients: 40, peers: 8, before: 1, outage: 2, after: 0, seed })
  const { minutes, failures } = await simulation.run()
  expect(failures).toEqual([])
  expect(minutes.map(({ clients, tracker }) => [clients, tracker])).toEqual([
    [40, true],
    [40, false],
    [40, false],
  ])
})
