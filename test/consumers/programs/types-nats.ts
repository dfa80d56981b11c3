import { NatsDriver } from 'swarmlink/signaling/nats'

export const driver = new NatsDriver({ servers: ['ws://127.0.0.1:8080'] })
