import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Processes, type Child } from '../support/processes.js'

/** The published package sits out two timers of 5 s for each connection that it makes in Node. */
const STOCK_PATIENCE = 40_000
/** Nobody says goodbye. To somebody who says nothing ICE tells it after 30 s; what is sent fails after 13 s. */
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

/** Everything that both packages can do, begun by the one and heard by the other. */
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

/** Two questions at a time, the first of which is answered last. The published package would mistake one for the other. */
async function expectTheRightAnswers(one: Child): Promise<void> {
  const slow = one.ask('ask', { message: { echo: 'slow', after: 'fast' } })
  const fast = one.ask('ask', { message: { echo: 'fast' } })
  expect(await slow).toMatchObject({ answer: { back: 'slow' } })
  expect(await fast).toMatchObject({ answer: { back: 'fast' } })
}

/** A process with a room in it. */
async function enter(
  processes: Processes,
  options: { room: string; trackers: string[]; published?: boolean; options?: object },
): Promise<Child> {
  const child = await processes.start('p2pt-room')
  await child.ask('start', options)
  return child
}

/**
 * A room of ours and one of the published package are there for each other. The published one says `peerconnect` for the first connection
 * to a peer only, also when that one fails and another comes up: that it hears us is what counts.
 */
async function meetStock(ours: Child, stock: Child): Promise<void> {
  await ours.next('peerconnect', () => true, STOCK_PATIENCE)
  await ours.ask('say', { message: 'is this the right room?' })
  await stock.next('msg', ({ message }) => message === 'is this the right room?')
}

const idOf = async (child: Child) => String((await child.next('started'))['id'])

/** Once, and as what. */
async function expectMet(ours: Child, other: Child, kind: { ours: boolean }): Promise<void> {
  expect(ours.all('peerconnect')).toMatchObject([{ id: await idOf(other), ...kind }])
}

describe.concurrent('E5 a room of ours and one of the published p2pt', () => {
  it(
    'E2 E3 E4 E5 ours waits and the published one comes, talks and is killed',
    { timeout: 200_000 },
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const url = trackers.slice(0, 1)
      const where = { room: 'the published one comes', trackers: url }
      const ours = await enter(processes, where)
      const stock = await enter(processes, { ...where, published: true })
      await meetStock(ours, stock)
      await expectMet(ours, stock, { ours: false })
      expect(ours.all('trackerconnect')).toMatchObject([{ announceUrl: url[0], stats: { connected: 1, total: 1 } }])

      await stock.ask('raw', { bytes: 100_000 })
      expect(await ours.next('data')).toMatchObject({ id: await idOf(stock), data: { bytes: 100_000 } })
      await expectTalk(ours, stock)
      await expectTalk(stock, ours)

      await stock.kill()
      await ours.ask('say', { message: 'to nobody' })
      expect(await ours.next('peerclose', () => true, KILLED_PATIENCE)).toMatchObject({ id: await idOf(stock) })
      expect(await ours.end()).toMatchObject({ code: 0 })
      expect([ours.errors, ours.all('peerconnect').length, ours.all('peerclose').length]).toEqual(['', 1, 1])
    },
  )

  it('E2 E3 E4 E5 the published one waits and ours comes, talks and leaves', { timeout: 200_000 }, async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const where = { room: 'ours comes', trackers: trackers.slice(0, 1) }
    const stock = await enter(processes, { ...where, published: true })
    await stock.next('trackerconnect', () => true, STOCK_PATIENCE) // it is on the tracker's list
    const ours = await enter(processes, where)
    await meetStock(ours, stock)
    await expectMet(ours, stock, { ours: false })
    await expectTalk(stock, ours)
    await expectTalk(ours, stock)

    // What the published one cannot send, it can hear.
    for (const message of [0, 42, false, true, '', null]) {
      await ours.ask('say', { message })
      await stock.next('msg', heard => heard['message'] === message)
    }
    await ours.ask('say', { bytes: 200_000 })
    expect(await stock.next('data')).toMatchObject({ data: { bytes: 200_000 } })
    await expect(ours.ask('ask', { bytes: 10 })).rejects.toMatchObject({ code: 'ERR_REQUEST_FAILED' })
    await expect(ours.ask('ask', { bytes: 300_000 })).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })

    expect(await ours.end()).toMatchObject({ code: 0 })
    expect(await stock.next('peerclose')).toMatchObject({ id: await idOf(ours) })
    expect(ours.errors).toBe('')
  })

  it(
    'E1 E2 E5 one peer on two trackers is one peer, and stays when a tracker is left',
    { timeout: 200_000 },
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const where = { room: 'two trackers', trackers }
      const ours = await enter(processes, where)
      await ours.nth('trackerconnect', 2)
      const stock = await enter(processes, { ...where, published: true })
      await meetStock(ours, stock)
      await stock.nth('trackerconnect', 2, STOCK_PATIENCE)
      await expectTalk(ours, stock)
      for (const [index, url] of trackers.entries()) {
        await ours.ask('removeTracker', { url })
        expect(await ours.ask('stats')).toMatchObject({ total: 1 - index })
      }
      await expect(ours.ask('removeTracker', { url: trackers[0] })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      await expectTalk(stock, ours)
      await expectMet(ours, stock, { ours: false })
      expect(ours.all('peerclose')).toEqual([])
      expect(await ours.end()).toMatchObject({ code: 0 })
    },
  )
})

describe.concurrent('two rooms of ours, each in a process', () => {
  it(
    'E1 E2 E3 E4 meet at once, talk in JSON and in bytes of any size, move; one is killed, the other ends by itself',
    { timeout: 200_000 },
    async ({ onTestFinished }) => {
      const processes = new Processes(onTestFinished)
      const where = { room: 'both ours', trackers, options: { maxJsonSize: 16 * 1024 * 1024 } } // for a text of 10 MB
      const [alice, bob] = await Promise.all([enter(processes, where), enter(processes, where)])
      await meet(alice, bob)
      await expectMet(alice, bob, { ours: true })
      await expectMet(bob, alice, { ours: true })
      await Promise.all([expectTalk(alice, bob), expectTalk(bob, alice)])
      await expectTheRightAnswers(alice)
      for (const bytes of [0, 1, 100_000, 8_000_000])
        expect(await alice.ask('ask', { bytes })).toMatchObject({ answer: { bytes }, same: true })
      expect(await bob.next('data')).toMatchObject({ id: await idOf(alice), data: { bytes: 0 } })
      expect(await bob.ask('ask', { text: 4_000_000 })).toMatchObject({ answer: { text: 4_000_000 }, same: true })
      await expect(bob.ask('ask', { bytes: 17_000_000 })).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })

      // Into another room: the peers of the one before are left, and met again there.
      await alice.ask('move', { room: 'elsewhere' })
      await Promise.all([alice, bob].map(side => side.nth('peerclose', 1)))
      await bob.ask('move', { room: 'elsewhere' })
      await Promise.all([alice, bob].map(side => side.nth('peerconnect', 2)))
      expect(alice.all('peerconnect')[1]).toMatchObject({ id: await idOf(bob), ours: true })

      const waiting = bob.ask('ask', { message: 'nobody answers this' }).catch((error: unknown) => error)
      await alice.next('msg', ({ message }) => message === 'nobody answers this')
      await alice.kill()
      await bob.ask('say', { message: 'to nobody' })
      await bob.nth('peerclose', 2, KILLED_PATIENCE)
      expect(await waiting).toMatchObject({ code: 'ERR_CLOSED' })
      expect(await bob.end()).toMatchObject({ code: 0 })
      expect([bob.errors, bob.all('peerconnect').length, bob.all('peerclose').length]).toEqual(['', 2, 2])
    },
  )
})
