import { describe, expect, test } from 'vitest'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream, type FakeMachine } from '../../support/fakes/fake-rtc.js'

/** Marks the double as node-datachannel, which aborts the process when it gets a description with media. */
function withoutMedia({ wrtc }: FakeMachine): void {
  Object.defineProperty(wrtc.RTCPeerConnection.prototype, 'selectedCandidatePair', { value: () => null })
}

describe('an implementation without media', () => {
  test('gets no stream of a Sender, which tells it once, and sends messages [B5] [X14]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver({ pingInterval: 5 })]
    withoutMedia(sender.machine)
    sender.end.start({ stream: newStream('video'), dataChannel: true })
    receiver.end.start()
    await world.advance(60_000)
    expect(sender.machine.connections).toHaveLength(0)
    expect(sender.all('error').map(({ error }) => error)).toMatchObject([{ code: 'ERR_NO_MEDIA' }])
    expect(sender.errors[0]).toMatch(
      /^the Sender has a stream, but node-datachannel carries messages only: install @roamhq\/wrtc, or pass/,
    )
    await sender.end.stop()
    sender.end.start()
    await world.connected(sender, receiver)
    await world.advance(500)
    expect(sender.end.send('hello')).toBe(true)
    sender.end.setStream(newStream('video'))
    sender.end.enable('audio', false)
    await world.advance(500)
    expect(sender.machine.connections[0]!.transceivers).toHaveLength(0)
    expect(receiver.messages).toEqual(['hello'])
    expect(sender.errors).toHaveLength(2)
    expect(sender.machine.connections[0]!.localDescription!.sdp).not.toMatch(/^m=(audio|video)/m)
    await world.stop()
  })

  test('gets no offer with media at a Receiver, which refuses it and says why [X14]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    withoutMedia(receiver.machine)
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    await world.advance(10_000)
    expect(receiver.machine.connections).toHaveLength(0)
    expect(receiver.all('dispose')[0]).toMatchObject({ id: sender.id, reason: 'refused', error: { code: 'ERR_NO_MEDIA' } })
    expect(sender.all('dispose')[0]).toMatchObject({ id: receiver.id, reason: 'refused' })
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })
})
