/** Makes a mesh: opens the engine and the identity, so that their errors show before the first member is met. */
import { asError, misuse, SwarmlinkError } from '../core/errors.js'
import { enableLog } from '../core/log.js'
import type { Message, Sendable } from '../channel/messages/messenger.js'
import { Room } from '../room/room.js'
import type { Mesh } from './mesh.js'
import { type MeshOptions, readMeshOptions } from './mesh-options.js'

/**
 * Makes a member of a mesh, which `join()` connects to the others.
 *
 * @example
 * const mesh = await createMesh({ transport: ['wss://tracker.example'], name: 'my chat', maxPeers: 8 })
 * mesh.on('message', ({ from, topic, data }) => console.log(from, topic, data))
 * await mesh.join()
 *
 * @throws SwarmlinkError `ERR_INVALID_ARGUMENT`, `ERR_NO_WEBRTC`, `ERR_CREDENTIALS`
 */
export async function createMesh<Received = Message, Sent = Sendable>(options: MeshOptions): Promise<Mesh<Received, Sent>> {
  const settings = readMeshOptions(options)
  if (options.debug === true) enableLog()
  const { runtime } = settings
  const room = new Room({ runtime, warn: () => {} }) // the mesh hears of the runtime's warnings itself
  try {
    const [module] = await Promise.all([import('./mesh.js'), room.open()])
    const identity = runtime.runtime?.identity
    if (identity?.key === undefined)
      throw new SwarmlinkError(
        'ERR_CREDENTIALS',
        'broadcasts cannot be signed, because this page has no Ed25519 (it is not a secure context, or the browser is old): serve it over HTTPS',
      )
    const { peerId } = identity
    void runtime.runtime?.peerFeatures().catch(() => {}) // loads what the first members need; the swarm tries again, and reports
    if (settings.peerId !== undefined && settings.peerId !== peerId)
      throw misuse('peerId is not that of the credentials: a peer id is the hash of a key, so pass `credentials` to keep one')
    return new module.Mesh<Received, Sent>(settings, room, peerId)
  } catch (error) {
    await room.close()
    throw asError(error, 'ERR_ENGINE', 'the mesh could not be made')
  }
}
