/** A manager that is destroyed at any moment of its life, each time in a process of its own. */
import { createServer, type AddressInfo, type Server } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Processes, type Child, type Ending } from '../support/processes.js'

/** A process that something keeps alive never exits. One on a busy machine is late. */
const EXIT_TIMEOUT = 5_000
const RUNS = 60
const SEED = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31)

const finish: Array<() => Promise<void>> = []
const processes = new Processes(callback => finish.push(callback))
const trackers = { honest: '', silent: '', refusing: '' }
let silent: Server
let torrent: string

beforeAll(async () => {
  trackers.honest = (await processes.tracker()).url
  // Accepts connections and never sends a byte, so that the handshake never completes.
  silent = createServer(() => {})
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  trackers.silent = urlOf(silent)
  const gone = createServer()
  await new Promise<void>(resolve => gone.listen(0, '127.0.0.1', resolve))
  trackers.refusing = urlOf(gone)
  await new Promise(resolve => gone.close(resolve))
  const seeder = await processes.client({ plugin: { trackers: [trackers.honest] } })
  torrent = (await seeder.ask('seed', { size: 20_000_000 })).file
})
afterAll(async () => {
  for (const callback of finish) await callback()
  silent.close()
})

const urlOf = (server: Server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` // of a TCP server

const endings: Array<Ending & { moment: string }> = []
afterAll(() => process.stdout.write(`${figures(endings)}\n`))

it(`destroy() lets the process exit by itself at any moment (seed ${SEED}) [D4]`, { timeout: 600_000 }, async () => {
  const moment = fc.constantFrom('constructor', 'dialing', 'gathering', 'connecting', 'open', 'transfer')
  const delay = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 }))
  // The next process loads while this one runs.
  let next: Promise<Child> = processes.start('client')
  await fc.assert(
    fc.asyncProperty(moment, delay, fc.constantFrom('honest', 'silent', 'refusing'), async (name, ms, kind) => {
      // Moments with a connection need a working tracker.
      const url = ['connecting', 'open', 'transfer'].includes(name) ? trackers.honest : trackers[kind]
      const child = await next
      next = processes.start('client')
      child.tell('live', { plugin: { trackers: [url] }, torrent, moment: name, delay: ms })
      const ending = await child.ending(EXIT_TIMEOUT)
      endings.push({ ...ending, moment: name })
      expect(ending).toMatchObject({ code: 0, signal: null })
      expect(child.errors).toBe('')
      expect(child.all('result')).toEqual([]) // `live` did not fail
      if (url === trackers.honest) expect(await child.next('ending')).toMatchObject({ reached: true })
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  )
  await next
})

/** The figures for the report: how long the processes took to exit, in milliseconds. */
function figures(ended: Array<Ending & { moment: string }>): string {
  const line = (values: number[]) => {
    const sorted = values.toSorted((a, b) => a - b)
    return `median ${(sorted[sorted.length >> 1] ?? 0).toFixed(0)} ms, most ${(sorted.at(-1) ?? 0).toFixed(0)} ms`
  }
  const slowest = ended.toSorted((a, b) => b.exitTook - a.exitTook)[0]
  return (
    `destroy() at ${ended.length} moments: resolved after ${line(ended.map(({ destroyTook }) => destroyTook))}; ` +
    `process gone after another ${line(ended.map(({ exitTook }) => exitTook))} (${slowest?.moment})`
  )
}
