/** The main entry point of the package. */
export { ConnectionManager } from './torrent/connection-manager.js'
export type { ConnectionManagerEvents } from './torrent/connection-manager-events.js'
export type { ConnectionManagerOptions, PeerInfo } from './torrent/options.js'
export { toPrometheus } from './metrics/prometheus.js'
export type { ManagerStats, TorrentStats } from './metrics/stats.js'
export type { Signal } from './signaling/manual/codec.js'
export type { Torrent, WebTorrentClient, Wire } from './torrent/webtorrent.js'
export { TrackerClient, type TrackerClientEvents, type TrackerClientPeer } from './tracker-client/tracker-client.js'
export type { TrackerClientOptions } from './tracker-client/tracker-client-options.js'
export { DataConnection, type DataConnectionEvents } from './channel/messages/data-connection.js'
export type { DataConnectionOptions } from './channel/messages/data-connection-options.js'
export { Peer, type PeerOptions } from './channel/standalone/peer.js'
export type { SignalData } from './channel/standalone/signals.js'
export type {
  IncomingStream,
  Json,
  Message,
  Progress,
  RequestOptions,
  Responder,
  Sendable,
  StreamOptions,
  StreamSource,
} from './channel/messages/messenger.js'
export { SwarmlinkError, type ErrorCode } from './core/errors.js'
export { Emitter } from './core/emitter.js'
export { topicOf } from './core/id.js'
export type { Credentials, CredentialStore } from './identity/identity.js'
export { CredentialsError, type CredentialsFault } from './identity/credentials.js'
export { localCredentials } from './identity/local-store.js'
export { fileCredentials } from '#file-store'
export type { RtcOptions } from './engine/ice-servers.js'
export type { WebRtcImplementation } from './engine/rtc.js'
export type { SignalingSource } from './signaling/signaling.js'
export { serverName } from './signaling/url.js'
export type { TrackerStatus } from './signaling/tracker/tracker.js'
export type { PeerSource } from './peer/topic-peer.js'
export type { StageCounts, StageStep } from './swarm/counters.js'
