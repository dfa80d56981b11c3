/** What all engines are made of: the W3C's interfaces, and a list of where one departs from them. */
import type { Engine } from './engine.js'
import type { Quirks } from './quirks.js'
import { W3cConnection } from './w3c-connection.js'

export function engineWith(quirks: Quirks): Engine {
  return { name: quirks.name, createConnection: config => new W3cConnection(quirks, config) }
}
