/** Receivers that stop, as whole processes: SCTP would deliver without end, and the credit window stops the sender. */
import { describe, it, type ExpectStatic, type TestContext } from 'vitest'
import { type Child, Processes } from '../support/processes.js'

const MIB = 1024 * 1024
/** The most unread bytes of a peer, and what frames and descriptions add to them. */
const MOST_UNREAD = 4 * MIB + 128 * 1024
const PATIENCE = 40_000

/** Two connected processes. */
async function pair({ onTestFinished }: TestContext): Promise<{ sender: Child; receiver: Child }> {
  const processes = new Processes(onTestFinished)
  const [sender, receiver] = await Promise.all([processes.start('messages-peer'), processes.start('messages-peer')])
  for (const [here, there] of [
    [sender, receiver],
    [receiver, sender],
  ] as const)
    void (async () => {
      for (let i = 1; ; i++) {
        await here.nth('signal', i, 60_000)
        there.tell('signal', { data: here.all('signal')[i - 1]?.['data'] })
      }
    })().catch(() => {}) // until they end
  await receiver.ask('open', { localPeerId: 'receiver', remotePeerId: 'sender', initiator: false })
  await sender.ask('open', { localPeerId: 'sender', remotePeerId: 'receiver', initiator: true })
  await Promise.all([sender.next('connect'), receiver.next('connect')])
  return { sender, receiver }
}

async function end(expect: ExpectStatic, ...children: Child[]): Promise<void> {
  for (const child of children) {
    expect(child.all('error')).toEqual([])
    child.tell('end', {})
    expect((await child.exit()).code).toBe(0)
  }
}

describe.concurrent('a receiver that stops', () => {
  it('holds the sender at 4 MiB while it is busy for 8 s, both stay small, then everything arrives [E4] [Law 6]', async context => {
    const { expect } = context // its own, because another test runs beside it
    const { sender, receiver } = await pair(context)
    await receiver.ask('listen')
    await receiver.ask('takeStreams')
    receiver.tell('block', { ms: 8_000 })
    await receiver.next('blocking')
    const before = await sender.ask('look')
    await new Promise(resolve => setTimeout(resolve, 500)) // time to send its message before it is busy: no event reports it
    sender.tell('flood', { megabytes: 48, stream: 16 * MIB })
    const { left } = await sender.poll('look', ({ left: bytes }) => bytes > 0.5 * MIB)
    expect(left).toBeLessThanOrEqual(MOST_UNREAD)
    expect(receiver.all('awake')).toEqual([])
    const atTheEnd = await latest(sender, () => receiver.all('awake').length > 0)
    expect(atTheEnd.left).toBeLessThanOrEqual(MOST_UNREAD)
    expect(atTheEnd.memory - before.memory).toBeLessThan(48 * MIB)
    const { grown } = await receiver.next('awake', () => true, PATIENCE)
    expect(grown).toBeLessThan(32 * MIB)
    await sender.next('flooded', () => true, PATIENCE)
    const total = 48 * (MIB + 1024) + 16 * MIB
    await receiver.poll('look', ({ taken }) => taken >= total, {}, PATIENCE)
    expect(await receiver.ask('look')).toMatchObject({ taken: total, messages: 96 })
    expect([sender.all('close'), receiver.all('close')]).toEqual([[], []])
    await end(expect, sender, receiver)
  })

  it('holds the sender at 2 MiB without a listener for 5 s, requests pass, then everything arrives [E4] [Law 6]', async context => {
    const { expect } = context // its own, because another test runs beside it
    const { sender, receiver } = await pair(context)
    sender.tell('flood', { megabytes: 32, stream: 0 })
    await sender.poll('look', ({ left }) => left > 0.5 * MIB)
    await new Promise(resolve => setTimeout(resolve, 5_000)) // an absence has no event
    const stalled = await sender.ask('look')
    expect(stalled.left).toBeLessThanOrEqual(2 * MIB)
    expect(await sender.ask('request', { question: 'still there?' })).toBe('still there?')
    expect(await receiver.ask('request', { question: 'and you?' })).toBe('and you?')
    await receiver.ask('listen')
    await sender.next('flooded', () => true, PATIENCE)
    const total = 32 * (MIB + 1024)
    await receiver.poll('look', ({ taken }) => taken >= total, {}, PATIENCE)
    expect(await receiver.ask('look')).toMatchObject({ taken: total, messages: 64 })
    await end(expect, sender, receiver)
  })
})

/** The last sample before `happened`. */
async function latest(child: Child, happened: () => boolean): Promise<{ left: number; memory: number }> {
  for (let last = await child.ask('look'); ;) {
    const next = await child.ask('look')
    if (happened()) return last
    last = next
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
