import { describe, expect, it } from 'vitest'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { Processes } from '../support/processes.js'

describe('an application whose own code fails', () => {
  it('continues: its room meets and exchanges messages, each failure is a typed warning, and both processes end [B12]', async ({
    onTestFinished,
  }) => {
    const server = await SignalServer.listen()
    onTestFinished(() => server.close())
    const processes = new Processes(onTestFinished)
    const sides = await Promise.all([processes.start('careless'), processes.start('careless')])
    for (const side of sides) await side.ask('enter', { url: server.url })
    for (const side of sides) {
      await side.next('msg', ({ message }) => message === 'hello')
      const warned = side.all('warning').map(({ code, message }) => `${code} ${message}`)
      for (const method of ['on', 'emit'])
        expect(warned).toContainEqual(expect.stringMatching(`^ERR_SIGNALING_LINK the driver of driver:own failed in ${method}: `))
      for (const [event, how] of [
        ['peerconnect', 'throws'],
        ['peerconnect', 'rejects'],
        ['msg', 'throws'],
        ['msg', 'rejects'],
      ])
        await side.next('callback-failed', ({ message }) => message === `a listener for '${event}' failed: ${event} ${how}`)
      expect(side.all('callback-failed')[0]?.['detail']).toContain('careless.js') // the line in the application
    }
    for (const side of sides) {
      expect(await side.end()).toMatchObject({ code: 0, signal: null })
      expect(side.errors).toBe('')
    }
  })
})
