/** A log line for every decision, through `debug`, under `swarmlink:*`. Nothing goes to the console by itself. */
import createDebug from 'debug'

export type Log = (format: string, ...values: unknown[]) => void

export function logger(room: string): Log {
  const debug = createDebug(`swarmlink:${room}`)
  return (format, ...values) => {
    try {
      debug(format, ...values)
    } catch {
      // What the application threw, or its own `debug.log`, does not let itself be written.
    }
  }
}

/** What `debug: true` does: the same as `DEBUG=swarmlink:*`, added to whatever is on already. */
export function enableLog(): void {
  const on = createDebug.names.map(String).join(',')
  createDebug.enable(on === '' ? 'swarmlink:*' : `${createDebug.disable()},swarmlink:*`)
}
