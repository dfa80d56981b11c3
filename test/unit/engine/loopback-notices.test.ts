import dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import { expect, it, vi } from 'vitest'
import { LoopbackNotices } from '../../../src/engine/loopback-notices.js'
import { replaceBuiltin } from '../../support/builtin.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const ANSWER = 'v=0\r\nt=0 0\r\n'

class FakeSocket extends EventEmitter {
  bind = vi.fn<(options: object) => void>(() => void this.emit('listening'))
  close = vi.fn<() => void>()
  unref = () => this
  address = () => ({ port: 9000 })
}

function setup(socket: FakeSocket, refuse?: Error) {
  replaceBuiltin(dgram, 'createSocket', () => {
    if (refuse !== undefined) throw refuse
    return socket as unknown as dgram.Socket
  })
  const notices = new LoopbackNotices()
  return async () => {
    const { answer, cancel } = await notices.expect(ANSWER, new VirtualEnv(), () => {})
    notices.tell(`${ANSWER}a=swarmlink-notices:9000 ${'ab'.repeat(20)}\r\n`, () => {})()
    cancel()
    return answer
  }
}

const denied = new Error('Access to this API has been restricted')
const refusals: Array<[string, (socket: FakeSocket) => Error | undefined]> = [
  ['be made', () => denied],
  ['be bound', socket => void socket.bind.mockImplementation(() => expect.fail('restricted'))],
  ['have its address', socket => void socket.bind.mockImplementation(() => void socket.emit('error', denied))],
]
it.each(refusals)(
  'gives the answer without a line where a socket cannot %s, and closes the socket [A10]',
  async (_what, refuse) => {
    const socket = new FakeSocket()
    const refused = refuse(socket)
    const use = setup(socket, refused)
    expect(await use()).toBe(ANSWER)
    expect(socket.close).toHaveBeenCalledTimes(refused === undefined ? 1 : 0)
  },
)

it('has a port of its own in each worker of a cluster [A10]', async () => {
  const socket = new FakeSocket()
  const use = setup(socket)
  expect(await use()).toContain('a=swarmlink-notices:9000 ')
  expect(socket.bind).toHaveBeenCalledWith(expect.objectContaining({ address: '127.0.0.1', exclusive: true }))
})
