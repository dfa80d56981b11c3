/** Calls that take minutes: many joins and leaves. */
import { expect, it } from 'vitest'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { expectMedia, PATIENCE } from '../support/calls.js'
import { Processes } from '../support/processes.js'

const JOINS = 200
/** Milliseconds in the room, each time. */
const STAY = 100

it(`leaves no connection after ${JOINS} joins and leaves, and ends by itself [B6] [B9] [Law 5] [X14]`, async ({
  onTestFinished,
}) => {
  const server = await SignalServer.listen()
  onTestFinished(() => server.close())
  const processes = new Processes(onTestFinished)
  const [sender, receiver] = await Promise.all([processes.start('call-process'), processes.start('call-process')])
  for (const side of [sender, receiver]) await side.ask('open', { url: server.url })
  await sender.ask('send', { tag: 2, start: { room: 'doors' } })
  await receiver.ask('receive', { start: { room: 'doors' } })
  await expectMedia(receiver, { tag: 2 })
  await receiver.ask('stop')

  const began = Date.now()
  const joined = receiver.ask('rejoin', { room: 'doors', times: JOINS, stay: STAY }, 'it', 300_000)
  expect(await Promise.race([joined, sender.exit(300_000)])).toBe(JOINS + 1) // a Sender that crashed is told at once
  process.stderr.write(`    ${JOINS} joins and leaves take ${Date.now() - began} ms\n`)
  for (const side of [sender, receiver]) {
    await expect.poll(() => side.ask('connections'), PATIENCE).toEqual({ open: 0, listed: 0 })
    expect(side.all('dispose')).toHaveLength(JOINS + 1)
    expect(side.all('error')).toEqual([])
  }
  expect(new Set(sender.all('dispose').map(({ reason }) => reason))).toEqual(new Set(['left']))
  await receiver.ask('call', { method: 'start', args: [{ room: 'doors' }] })
  await receiver.nth('stream', JOINS + 2)
  await sender.ask('drawMore', { more: 5 })
  for (const side of [sender, receiver]) expect(await side.end()).toMatchObject({ code: 0, signal: null })
}, 420_000)
