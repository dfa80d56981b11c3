import { describe, expect, test } from 'vitest'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream } from '../../support/fakes/fake-rtc.js'

const invokes = (world: CallWorld) =>
  world.emitted
    .filter(({ namespace, message }) => message.type === 'invoke' && namespace[0] === 'sender')
    .map(({ at }) => Math.round(at / 1_000))

describe('the pings of a Receiver', () => {
  test('come every pingInterval from the start, and rarer after pingAttempts without any Sender, but never end [B8]', async () => {
    const world = new CallWorld()
    const receiver = world.receiver({ pingInterval: 10, pingAttempts: 3 })
    receiver.end.start()
    await world.advance(3_600_000)
    const at = invokes(world)
    expect(at.slice(0, 8)).toEqual([0, 10, 20, 30, 40, 60, 100, 180])
    expect(at.at(-1)).toBeGreaterThan(3_300)
    expect(Math.max(...at.slice(1).map((time, i) => time - at[i]!))).toBe(300)
    await world.stop()
  })

  test('have the defaults of the document: 30 s, ten times [B8]', async () => {
    const world = new CallWorld()
    world.receiver().end.start()
    await world.advance(500_000)
    expect(invokes(world)).toEqual([...Array.from({ length: 12 }, (_, i) => 30 * i), 390])
    await world.stop()
  })

  test('begin anew when a Sender says that it is there [B8]', async () => {
    const world = new CallWorld()
    const receiver = world.receiver({ pingInterval: 10, pingAttempts: 0 })
    receiver.end.start()
    await world.advance(320_000)
    const sender = world.sender()
    sender.end.start({ stream: newStream('video') })
    await world.connected(receiver)
    const before = invokes(world).length
    await world.advance(600_000)
    expect(invokes(world).length - before).toBeGreaterThanOrEqual(55)
    await sender.end.stop()
    await world.stop()
    expect(receiver.names.filter(name => name === 'dispose')).toHaveLength(1)
  })

  test('do not disturb a connection that works [B8]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver({ pingInterval: 1 })]
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    await world.advance(120_000)
    expect(world.net.connections).toHaveLength(2)
    expect(world.count('offer')).toBe(1)
    await world.stop()
  })
})
