/** The debug log: one line per decision, through the package `debug`, under `swarmlink:*`. Off by default. */
import createDebug from 'debug'
import { asCause } from './errors.js'
import { withoutSecrets } from './secrets.js'
import { printable } from './text.js'

export type Log = (format: string, ...values: unknown[]) => void

export function logger(area: string): Log {
  const debug = createDebug(`swarmlink:${area}`)
  return (format, ...values) => {
    try {
      if (debug.enabled) debug(format, ...values.map(asLogged))
    } catch {
      // A value that the application threw cannot be formatted, or its own `debug.log` throws.
    }
  }
}

/** Removes control characters of a remote peer, which would control the terminal, and secrets of URLs. */
function asLogged(value: unknown): unknown {
  return typeof value === 'string' ? printable(withoutSecrets(value)) : asCause(value)
}

/** The option `debug: true`: the same as `DEBUG=swarmlink:*`, in addition to the namespaces that are enabled already. */
export function enableLog(): void {
  const on = createDebug.names.map(String).join(',')
  createDebug.enable(on === '' ? 'swarmlink:*' : `${createDebug.disable()},swarmlink:*`)
}
