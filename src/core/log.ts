/** A log line for every decision, through `debug`, under `swarmlink:*`. Nothing goes to the console by itself. */
import createDebug from 'debug'

export type Log = (format: string, ...values: unknown[]) => void

export function logger(room: string): Log {
  return createDebug(`swarmlink:${room}`)
}

/** What `debug: true` does: the same as `DEBUG=swarmlink:*`, added to whatever is on already. */
export function enableLog(): void {
  const on = createDebug.names.map(String).join(',')
  createDebug.enable(on === '' ? 'swarmlink:*' : `${createDebug.disable()},swarmlink:*`)
}
