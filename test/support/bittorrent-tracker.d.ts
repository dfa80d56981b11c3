/** The part of bittorrent-tracker that the tests, benchmarks and demos use. The package ships no types. */
declare module 'bittorrent-tracker' {
  import type { EventEmitter } from 'node:events'
  import type { Server as HttpServer } from 'node:http'
  import type { WebSocketServer } from 'ws'

  export class Server extends EventEmitter {
    constructor(options: { udp?: boolean; http?: boolean; ws?: boolean; stats?: boolean; interval?: number })
    readonly http: Omit<HttpServer, 'address'> & { address(): { port: number } }
    readonly ws: Omit<WebSocketServer, 'address'> & { address(): { port: number } }
    listen(port: number, host: string, done?: () => void): void
    close(done?: () => void): void
  }
}
