/** A log line for every decision, through `debug`, under `swarmlink:*`. Nothing goes to the console by itself. */
import createDebug from 'debug'
import { asCause } from './errors.js'
import { withoutSecrets } from './secrets.js'
import { printable } from './text.js'

export type Log = (format: string, ...values: unknown[]) => void

export function logger(room: string): Log {
  const debug = createDebug(`swarmlink:${room}`)
  return (format, ...values) => {
    try {
      if (debug.enabled) debug(format, ...values.map(asLogged))
    } catch {
      // What the application threw, or its own `debug.log`, does not let itself be written.
    }
  }
}

/** A text of a remote must not steer the terminal that shows the log, and no log holds the secrets of a URL. */
function asLogged(value: unknown): unknown {
  return typeof value === 'string' ? printable(withoutSecrets(value)) : asCause(value)
}

/** What `debug: true` does: the same as `DEBUG=swarmlink:*`, added to whatever is on already. */
export function enableLog(): void {
  const on = createDebug.names.map(String).join(',')
  createDebug.enable(on === '' ? 'swarmlink:*' : `${createDebug.disable()},swarmlink:*`)
}
