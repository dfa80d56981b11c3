import { describe, expect, test } from 'vitest'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream, type FakeRtcChannel } from '../../support/fakes/fake-rtc.js'

async function call() {
  const world = new CallWorld()
  const [sender, receiver, other] = [world.sender(), world.receiver(), world.receiver()]
  sender.end.start({ stream: newStream('audio', 'video'), state: 1, dataChannel: true })
  receiver.end.start()
  await world.connected(sender, receiver) // first, so that the Sender's first connection is the one to this Receiver
  other.end.start()
  await world.connected(other)
  await world.advance(500)
  const controlOf = (end: typeof sender | typeof receiver, index = 0): FakeRtcChannel =>
    end.machine.open[index]!.channels.find(({ label }) => label === 'swarmlink-media')!
  return { world, sender, receiver, other, controlOf }
}

describe('an end that was let in and turns hostile', () => {
  test('makes the Sender do little by any number of wishes, and disturbs no other Receiver [Law 6]', async () => {
    const { world, sender, receiver, other, controlOf } = await call()
    let changes = 0
    sender.machine.misbehave = method => {
      if (method === 'replaceTrack' || method === 'setParameters') changes++
      return undefined
    }
    const control = controlOf(receiver)
    for (let i = 0; i < 10_000; i++)
      control.send(JSON.stringify({ type: 'want', id: 'x', demand: ['off', 'low', 'high'][i % 3] }))
    await world.advance(1_000)
    expect(changes).toBeGreaterThan(0)
    expect(changes).toBeLessThan(20)
    expect(other.names).not.toContain('reconnecting')
    await world.stop()
  })

  test('gets few restarts and no second connection, however often it asks [Law 6]', async () => {
    const { world, sender, receiver, controlOf } = await call()
    const control = controlOf(receiver)
    let offers = 0
    sender.machine.misbehave = method => {
      if (method === 'createOffer') offers++
      return undefined
    }
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 50; i++)
        control.send(JSON.stringify({ type: 'invoke', id: 'x', again: i % 2 === 0 ? 'restart' : 'renew' }))
      await world.advance(1_000)
    }
    expect(offers).toBeGreaterThan(0)
    expect(offers).toBeLessThanOrEqual(4 + 8)
    expect(sender.machine.connections).toHaveLength(2)
    await world.stop()
  })

  test('gets a few connections a minute, however often it closes its control channel [Law 6]', async () => {
    const { world, sender, receiver, other } = await call()
    const before = sender.machine.connections.length
    for (let step = 0; step < 300; step++) {
      for (const { channels } of receiver.machine.open)
        for (const channel of channels) if (channel.label === 'swarmlink-media' && channel.readyState === 'open') channel.close()
      await world.advance(200)
    }
    const made = sender.machine.connections.length - before
    expect(made).toBeGreaterThan(1)
    expect(made).toBeLessThanOrEqual(4 + 8)
    expect(other.names).not.toContain('reconnecting')
    await world.stop()
  })

  test('cannot harm by malformed messages on the control channel [Law 6]', async () => {
    const { world, sender, receiver, other, controlOf } = await call()
    const texts = [
      ...['', 'x', 'null', '5', '[]', '{}', '{"type":"beat"}', '{"type":"offer","id":"x"}', 'x'.repeat(100_000)],
      ...['received', 'want', 'offer', 'answer', 'candidate', 'sync', 'invoke'].map(type =>
        JSON.stringify({ type, id: 'x', count: 2 ** 50, state: 1, candidates: [] }),
      ),
      JSON.stringify({ type: 'received', id: 'x', count: 2 ** 50 }),
      JSON.stringify({ type: 'received', id: 'x', count: 0 }),
    ]
    for (const control of [controlOf(receiver), controlOf(sender)])
      for (const text of texts) {
        control.send(text)
        control.send(new TextEncoder().encode(text))
      }
    await world.advance(5_000)
    expect(
      [...sender.names, ...receiver.names, ...other.names].filter(name => ['dispose', 'reconnecting', 'error'].includes(name)),
    ).toEqual([])
    expect(sender.end.send('still here', other.id)).toBe(true)
    await world.advance(100)
    expect(other.messages).toEqual(['still here'])
    await world.stop()
  })

  test('as a Sender makes the Receiver answer one offer at a time, and drops what does not fit [Law 6]', async () => {
    const { world, sender, receiver, controlOf } = await call()
    const { sdp } = sender.machine.open[0]!.localDescription!
    let answers = 0
    receiver.machine.misbehave = method => {
      if (method === 'createAnswer') answers++
      return undefined
    }
    const session = world.emitted.find(({ namespace, message }) => message.type === 'offer' && namespace[2] === receiver.id)!
      .message['session']
    for (let attempt = 10; attempt < 10_010; attempt++)
      controlOf(sender).send(
        JSON.stringify({ type: 'offer', id: 'x', offer: { type: 'offer', sdp }, session, attempt, state: 1 }),
      )
    await world.advance(5_000)
    expect(answers).toBeGreaterThan(0)
    expect(answers).toBeLessThanOrEqual(66)
    expect(receiver.machine.connections).toHaveLength(1)
    await world.stop()
  })

  test('cannot offer another certificate on the connection [X14]', async () => {
    const { world, sender, receiver, controlOf } = await call()
    const { sdp = '' } = sender.machine.open[0]!.localDescription!
    const before = receiver.machine.open[0]!.remoteDescription
    const session = world.emitted.find(({ namespace, message }) => message.type === 'offer' && namespace[2] === receiver.id)!
      .message['session']
    const other = sdp.replaceAll(/sha-256 [0-9A-F]{2}/g, 'sha-256 00')
    controlOf(sender).send(JSON.stringify({ type: 'offer', id: 'x', offer: { type: 'offer', sdp: other }, session, attempt: 10 }))
    await world.advance(500)
    expect(receiver.machine.open[0]!.remoteDescription).toBe(before)
    await world.stop()
  })
})
