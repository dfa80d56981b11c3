import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** The published package waits for two timers of 5 s per connection in Node. */
const STOCK_PATIENCE = 40_000
/** A killed process sends no departure. An idle peer learns it from ICE after 30 s, and sent messages fail after 13 s. */
const KILLED_PATIENCE = 45_000

let closeTrackers: () => Promise<void>
let trackers: string[]

beforeAll(async () => {
  const processes = new Processes(close => {
    closeTrackers = close
  })
  trackers = await Promise.all([0, 1].map(async () => (await processes.tracker()).url))
})
afterAll(() => closeTrackers())

async function meet(...rooms: Child[]): Promise<void> {
  await Promise.all(rooms.map(room => room.next('peerconnect', () => true, STOCK_PATIENCE)))
}

let chains = 0

/** Everything that both packages can do, started by `one` and received by `other`. */
async function expectTalk(one: Child, other: Child): Promise<void> {
  await one.ask('say', { message: 'grüße an alle' })
  await other.next('msg', ({ message }) => message === 'grüße an alle')
  const message = { nested: [{ text: '€ 😀 "\u0000' }, 1.5, null, true], __proto__: null, empty: '' }
  expect(await one.ask('ask', { message: { echo: message } })).toMatchObject({ answer: { back: message } })
  // Three questions and three answers, each to the one before.
  const chain = `chain ${chains++}`
  const counts = [4, 2, 0].map(count => ({ chain, count }))
  expect(await one.ask('chain', { chain, count: 5 })).toEqual(counts)
  for (const count of [3, 1]) await other.next('answer', ({ message: heard }) => heard.chain === chain && heard.count === count)
  expect(await one.ask('ask', { text: 1_000_000 })).toMatchObject({ answer: { text: 1_000_000 }, same: true })
}

/** Two concurrent questions, the first of which is answered last. The published package would confuse them. */
async function expectTheRightAnswers(one: Child): Promise<void> {
  const slow = one.ask('ask', { message: { echo: 'slow', after: 'fast' } })
  const fast = one.ask('ask', { message: { echo: 'fast' } })
  expect(await slow).toMatchObject({ answer: { back: 'slow' } })
  expect(await fast).toMatchObject({ answer: { back: 'fast' } })
}

/** A process with a room. */
async function enter(
  processes: Processes,
  options: { room: string; trackers: string[]; published?: boolean; options?: object },
): Promise<Child> {
  const child = await processes.start('p2pt-room')
  await child.ask('start', options)
  return child
}

/**
 * Waits until a swarmlink room and one of the published package are connected. The published one emits `peerconnect` only for the first
 * connection to a peer, also when that one fails: a received message is the proof.
 */
async function meetStock(swarmlink: Child, stock: Child): Promise<void> {
  await swarmlink.next('peerconnect', () => true, STOCK_PATIENCE)
  await swarmlink.ask('say', { message: 'is this the right room?' })
  await stock.next('msg', ({ message }) => message === 'is this the right room?')
}

const idOf = async (child: Child) => String((await child.next('started'))['id'])

/** Expects one `peerconnect`, of this kind. */
async function expectMet(swarmlink: Child, other: Child, kind: { isSwarmlink: boolean }): Promise<void> {
  expect(swarmlink.all('peerconnect')).toMatchObject([{ id: await idOf(other), ...kind }])
}

describe.concurrent('a swarmlink room and one of the published p2pt', () => {
  it('see the published one come, talk and be killed [E2] [E3] [E4] [E5]', { timeout: 200_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const url = trackers.slice(0, 1)
    const where = { room: 'the published one comes', trackers: url }
    const swarmlink = await enter(processes, where)
    const stock = await enter(processes, { ...where, published: true })
    await meetStock(swarmlink, stock)
    await expectMet(swarmlink, stock, { isSwarmlink: false })
    expect(swarmlink.all('trackerconnect')).toMatchObject([{ announceUrl: url[0], stats: { connected: 1, total: 1 } }])

    await stock.ask('raw', { bytes: 100_000 })
    expect(await swarmlink.next('data')).toMatchObject({ id: await idOf(stock), data: { bytes: 100_000 } })
    await expectTalk(swarmlink, stock)
    await expectTalk(stock, swarmlink)

    await stock.kill()
    await swarmlink.ask('say', { message: 'unheard' })
    expect(await swarmlink.next('peerclose', () => true, KILLED_PATIENCE)).toMatchObject({ id: await idOf(stock) })
    expect(await swarmlink.end()).toMatchObject({ code: 0 })
    expect([swarmlink.errors, swarmlink.all('peerconnect').length, swarmlink.all('peerclose').length]).toEqual(['', 1, 1])
  })

  it('see the swarmlink one come, talk and leave [E2] [E3] [E4] [E5]', { timeout: 200_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const where = { room: 'swarmlink comes', trackers: trackers.slice(0, 1) }
    const stock = await enter(processes, { ...where, published: true })
    await stock.next('trackerconnect', () => true, STOCK_PATIENCE) // it is announced to the tracker
    const swarmlink = await enter(processes, where)
    await meetStock(swarmlink, stock)
    await expectMet(swarmlink, stock, { isSwarmlink: false })
    await expectTalk(stock, swarmlink)
    await expectTalk(swarmlink, stock)

    // The published one can receive messages that it cannot send.
    for (const message of [0, 42, false, true, '', null]) {
      await swarmlink.ask('say', { message })
      await stock.next('msg', heard => heard['message'] === message)
    }
    await swarmlink.ask('say', { bytes: 200_000 })
    expect(await stock.next('data')).toMatchObject({ data: { bytes: 200_000 } })
    await expect(swarmlink.ask('ask', { bytes: 10 })).rejects.toMatchObject({ code: 'ERR_REQUEST_FAILED' })
    await expect(swarmlink.ask('ask', { bytes: 300_000 })).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })

    expect(await swarmlink.end()).toMatchObject({ code: 0 })
    expect(await stock.next('peerclose')).toMatchObject({ id: await idOf(swarmlink) })
    expect(swarmlink.errors).toBe('')
  })

  it(
    'count one peer on two trackers once, and keep it when a tracker is removed [E1] [E2] [E5]',
    { timeout: 200_000 },
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const where = { room: 'two trackers', trackers }
      const swarmlink = await enter(processes, where)
      await swarmlink.nth('trackerconnect', 2)
      const stock = await enter(processes, { ...where, published: true })
      await meetStock(swarmlink, stock)
      await stock.nth('trackerconnect', 2, STOCK_PATIENCE)
      await expectTalk(swarmlink, stock)
      for (const [index, url] of trackers.entries()) {
        await swarmlink.ask('removeTracker', { url })
        expect(await swarmlink.ask('stats')).toMatchObject({ total: 1 - index })
      }
      await expect(swarmlink.ask('removeTracker', { url: trackers[0] })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      await expectTalk(stock, swarmlink)
      await expectMet(swarmlink, stock, { isSwarmlink: false })
      expect(swarmlink.all('peerclose')).toEqual([])
      expect(await swarmlink.end()).toMatchObject({ code: 0 })
    },
  )
})

describe.concurrent('two swarmlink rooms, each in a process', () => {
  it(
    'meet at once, exchange JSON and bytes of any size, and move; one is killed, the other ends by itself [E1] [E2] [E3] [E4]',
    { timeout: 200_000 },
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const where = { room: 'both swarmlink', trackers, options: { maxJsonSize: 16 * 1024 * 1024 } } // for a text of 10 MB
      const [alice, bob] = await Promise.all([enter(processes, where), enter(processes, where)])
      await meet(alice, bob)
      await expectMet(alice, bob, { isSwarmlink: true })
      await expectMet(bob, alice, { isSwarmlink: true })
      await Promise.all([expectTalk(alice, bob), expectTalk(bob, alice)])
      await expectTheRightAnswers(alice)
      for (const bytes of [0, 1, 100_000, 8_000_000])
        expect(await alice.ask('ask', { bytes })).toMatchObject({ answer: { bytes }, same: true })
      expect(await bob.next('data')).toMatchObject({ id: await idOf(alice), data: { bytes: 0 } })
      expect(await bob.ask('ask', { text: 4_000_000 })).toMatchObject({ answer: { text: 4_000_000 }, same: true })
      await expect(bob.ask('ask', { bytes: 17_000_000 })).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })

      // Moves to another room: leaves the old peers, and meets them again there.
      await alice.ask('move', { room: 'elsewhere' })
      await Promise.all([alice, bob].map(side => side.nth('peerclose', 1)))
      await bob.ask('move', { room: 'elsewhere' })
      await Promise.all([alice, bob].map(side => side.nth('peerconnect', 2)))
      expect(alice.all('peerconnect')[1]).toMatchObject({ id: await idOf(bob), isSwarmlink: true })

      const waiting = bob.ask('ask', { message: 'an unanswered question' }).catch((error: unknown) => error)
      await alice.next('msg', ({ message }) => message === 'an unanswered question')
      await alice.kill()
      await bob.ask('say', { message: 'unheard' })
      await bob.nth('peerclose', 2, KILLED_PATIENCE)
      expect(await waiting).toMatchObject({ code: 'ERR_CLOSED' })
      expect(await bob.end()).toMatchObject({ code: 0 })
      expect([bob.errors, bob.all('peerconnect').length, bob.all('peerclose').length]).toEqual(['', 2, 2])
    },
  )
})
