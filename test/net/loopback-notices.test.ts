/** Notices between two ends on one machine, over real sockets. */
import { createSocket } from 'node:dgram'
import { expect, it, vi } from 'vitest'
import { systemEnv } from '../../src/core/env.js'
import { LoopbackNotices, noticesOf } from '../../src/engine/loopback-notices.js'

const ANSWER = 'v=0\r\no=rtc 1 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n'

/** Sends a packet as any process of this machine can, and waits until a later one has arrived. */
async function inject(port: number, packet: string): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise(resolve => socket.send(packet, port, '127.0.0.1', resolve))
  await new Promise(resolve => socket.close(() => resolve(undefined)))
}

it('tell the answerer that its answer is applied, and the offerer that the answerer is connected [A10]', async () => {
  const [offerer, answerer] = [new LoopbackNotices(), new LoopbackNotices()]
  const applied = vi.fn<(tellConnected: () => void) => void>(tellConnected => tellConnected())
  const { answer, cancel } = await answerer.expect(ANSWER, systemEnv, applied)
  await new Promise<void>(connected => offerer.tell(answer, connected))
  expect(applied).toHaveBeenCalledOnce()
  cancel()
})

it('work within one process, for many connections at once [A10]', async () => {
  const notices = new LoopbackNotices()
  const expected = await Promise.all(Array.from({ length: 50 }, () => notices.expect(ANSWER, systemEnv, tell => tell())))
  expect(new Set(expected.map(({ answer }) => noticesOf(answer)?.port)).size).toBe(1)
  await Promise.all(expected.map(({ answer }) => new Promise<void>(connected => notices.tell(answer, connected))))
  for (const { cancel } of expected) cancel()
})

it('are not taken from a process that does not know the answer, nor after the end of the wait [Law 6]', async () => {
  const notices = new LoopbackNotices()
  const applied = vi.fn<() => void>()
  const first = await notices.expect(ANSWER, systemEnv, applied)
  const second = await notices.expect(ANSWER, systemEnv, tell => tell())
  const { port, token } = noticesOf(first.answer) ?? { port: 0, token: '' }
  for (const packet of ['', 'applied', `applied ${'0'.repeat(40)}`, `connected ${token}`, 'x'.repeat(60_000)])
    await inject(port, packet)
  first.cancel()
  await inject(port, `applied ${token}`)
  await new Promise<void>(connected => notices.tell(second.answer, connected)) // comes after the others
  expect(applied).not.toHaveBeenCalled()
  second.cancel()
})

it('wait for a condition for a fraction of a millisecond [A10]', () => {
  const notices = new LoopbackNotices()
  let asked = 0
  expect(notices.soon(() => ++asked === 3)).toBe(true)
  expect(notices.soon(() => false)).toBe(false)
})

it('are expected by no answer with a port that does not exist [Law 6]', () => {
  const withPort = (port: string) => `${ANSWER}a=swarmlink-notices:${port} ${'a'.repeat(40)}\r\n`
  expect(noticesOf(withPort('49152'))?.port).toBe(49_152)
  for (const port of ['0', '53', '1023', '65536', '99999', '-1', '']) expect(noticesOf(withPort(port))).toBeUndefined()
  expect(noticesOf(ANSWER)).toBeUndefined()
})
