import { describe, expect, test } from 'vitest'
import { pattern } from '../../support/bytes.js'
import { World } from '../../simulate/world.js'

describe('a message channel without an `error` listener', () => {
  test('reports its first error once, as a warning of its swarm [A8]', async () => {
    const world = new World({ bandwidth: 1_000 })
    const [here, there] = [world.join(), world.join()]
    for (const { swarm } of [here, there])
      swarm.on('connection', connection => connection.on('connect', () => connection.send('hello')))
    await world.env.until(() => [here, there].every(({ swarm }) => swarm.connections.length === 1))
    await world.env.advance(1_000)
    const [connection] = here.swarm.connections
    for (let i = 0; i < 2; i++) {
      const bytes = pattern(1024 * 1024)
      connection?.send(bytes)
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] }) // detaches the buffer, so that sending fails
    }
    await world.env.advance(5_000)
    expect(here.warnings.map(({ code, message }) => [code, message])).toEqual([
      ['ERR_INVALID_ARGUMENT', expect.stringMatching(/^a connection to .* has no 'error' listener, .*: the buffer of a message/)],
    ])
    expect(there.warnings).toEqual([])
    await world.closeAll()
  })
})
