// @ts-check
/** A process without a system: the share of Node and of the harness in a start. */
import { serve } from './client.js'

serve(() => ({ start: () => {}, stop: () => {} }))
