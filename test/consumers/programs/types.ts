import { ConnectionManager, Peer, topicOf, toPrometheus, type DataConnection, type ManagerStats } from 'swarmlink'
import { createMesh, type Mesh } from 'swarmlink/mesh'
import { Receiver, Sender } from 'swarmlink/media'
import { P2PT } from 'swarmlink/room'
import { TrackerClient } from 'swarmlink/script'
import { MemoryDriver, type Driver, type Signaling } from 'swarmlink/signaling'
import { SignalServer } from 'swarmlink/signaling/server'

declare const client: ConstructorParameters<typeof ConnectionManager>[0]
declare const signaling: Signaling

export const manager = new ConnectionManager<{ ask: string }, string>(client, { trackers: [], signaling: [signaling] })
manager.on('connection', (connection: DataConnection<{ ask: string }, string>, { infoHash }) => {
  connection.on('data', ({ ask }) => void connection.send(ask + infoHash))
  // @ts-expect-error -- not of this application
  connection.send(1)
})
export const stats: ManagerStats = manager.getStats()
export const text: string = toPrometheus(stats)
export const room = new P2PT(['wss://tracker.example'], 'room', { shareWith: manager })
export const driver: Driver = new MemoryDriver()
export const mesh: Promise<Mesh> | Mesh = createMesh({ transport: driver })
export const parts = [Peer, topicOf, Sender, Receiver, TrackerClient, SignalServer]
