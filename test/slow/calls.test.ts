/** Calls that take minutes: many joins and leaves. */
import { expect, it } from 'vitest'
import { CallLab, expectMedia, PATIENCE } from '../support/calls.js'
import { Processes } from '../support/processes.js'

const { lab, has } = await CallLab.use('Chromium', 'Node')
const JOINS = 200

// The Sender is a page, because a remote that leaves in a bad moment can still end one in Node: see engine/roamhq.ts.
it.skipIf(!has('Chromium'))(
  `leaves no connection after ${JOINS} joins and leaves, and ends by itself [B6] [B9] [Law 5] [X14]`,
  async ({ onTestFinished }) => {
    const sender = await lab.open('Chromium', onTestFinished)
    const receiver = await new Processes(onTestFinished).start('call-process')
    await receiver.ask('open', { url: lab.server.url })
    await sender.ask('send', { tag: 2, start: { room: 'doors' } })
    await receiver.ask('receive', { start: { room: 'doors' } })
    await expectMedia(receiver, { tag: 2 })
    await receiver.ask('stop')

    const began = Date.now()
    const joined = receiver.ask('rejoin', { room: 'doors', times: JOINS }, 'it', 300_000)
    expect(await Promise.race([joined, receiver.exit(300_000)])).toBe(JOINS + 1) // a crash is told at once
    process.stderr.write(`    ${JOINS} joins and leaves take ${Date.now() - began} ms\n`)
    for (const side of [sender, receiver]) {
      await expect.poll(() => side.ask('connections'), PATIENCE).toEqual({ open: 0, listed: 0 })
      expect(await side.all('dispose')).toHaveLength(JOINS + 1)
      expect(await side.all('error')).toEqual([])
    }
    expect(new Set((await sender.all('dispose')).map(({ reason }) => reason))).toEqual(new Set(['left']))
    await receiver.ask('call', { method: 'start', args: [{ room: 'doors' }] })
    await receiver.nth('stream', JOINS + 2)
    expect(await receiver.end()).toMatchObject({ code: 0, signal: null })
  },
  420_000,
)
