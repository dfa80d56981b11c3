import { expect, it } from 'vitest'
import { CONNECT_TIMEOUT } from '../../../src/peer/remote-peer.js'
import { World } from '../../simulate/world.js'

/** The candidates of a peer behind a symmetric NAT. */
const home = (nth: number) =>
  [
    `a=candidate:1 1 UDP 2114977791 10.0.${nth}.2 4000 typ host`,
    `a=candidate:2 1 UDP 1678769919 198.51.100.${nth} ${30_000 + nth} typ srflx raddr 0.0.0.0 rport 0`,
  ].join('\n')

async function failures(candidates: { local: string; remote: string }) {
  const world = new World()
  const errors: Array<{ code: string; message: string }> = []
  for (let nth = 0; nth < 2; nth++) {
    const { engine, swarm } = world.join()
    engine.fault = () => 'ice'
    engine.candidates = candidates
    for (const connection of engine.connections) connection.candidates = candidates // gathered ahead
    swarm.on('failed', ({ error }) => errors.push(error))
  }
  await world.env.advance(3 * CONNECT_TIMEOUT)
  const stages = world.nodes.map(({ swarm }) => swarm.stages())
  for (const node of world.nodes) await node.close()
  return { errors, failed: stages.map(({ failed }) => failed), refused: stages.map(({ refused }) => refused) }
}

it('recommends TURN to two peers behind symmetric NATs, and retries them no more often than after a timeout [A5]', async () => {
  const timeouts = await failures({ local: '', remote: '' })
  const nats = await failures({ local: home(1), remote: home(2) })
  expect(new Set(timeouts.errors.map(({ code }) => code))).toEqual(new Set(['ERR_CONNECT_TIMEOUT']))
  expect(new Set(nats.errors.map(({ code }) => code))).toEqual(new Set(['ERR_ICE_FAILED']))
  for (const { message } of nats.errors) expect(message).toContain('both sides are behind NATs that need a TURN server')
  expect(nats.failed.map(reasons => reasons.ERR_ICE_FAILED)).toEqual(timeouts.failed.map(reasons => reasons.ERR_CONNECT_TIMEOUT))
  expect(nats.refused).toEqual(timeouts.refused)
})
