import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { StunClient } from '../../../src/doctor/stun-client.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

describe('StunClient', () => {
  test('stops to repeat a request that could not be sent, and reports the error [X8]', async ({ onTestFinished }) => {
    const env = new VirtualEnv()
    const client = new StunClient(env)
    onTestFinished(() => client.close())
    // No UDP packet may go to the broadcast address of a socket without that permission.
    await expect(client.ask({ host: '255.255.255.255', port: 9 })).rejects.toThrow('EACCES')
    expect(env.pendingTimers).toBe(0)
  })

  test('repeats a request without an answer until it is closed [X8]', async ({ onTestFinished }) => {
    const server = createSocket('udp4').bind(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const env = new VirtualEnv()
    const client = new StunClient(env)
    const asked = client.ask({ host: '127.0.0.1', port: server.address().port }) // bound above
    await once(server, 'message')
    const again = once(server, 'message')
    await env.advance(500)
    await again
    client.close()
    await expect(asked).rejects.toThrow('the STUN client was closed')
    expect(env.pendingTimers).toBe(0)
  })
})
