// @ts-check
/** The child's end of the harness's control channel: prepare, start, sample, stop. Knows nothing of what the child does. */

/** @typedef {import('./types.js').FromChild} FromChild */
/** @typedef {import('./types.js').ToChild} ToChild */
/** @typedef {import('./types.js').ClientSample} ClientSample */
/** @typedef {import('./types.js').TrackerSample} TrackerSample */

/** A child that cannot stop within this time exits without stopping. */
const STOP_TIMEOUT = 1_500

/** The monotonic clock, which all processes of a machine share. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e6
}

/** @param {FromChild} message */
export function tell(message) {
  if (process.connected) process.send?.(message)
}

/**
 * @param {object} child
 * @param {(options: unknown) => Promise<number | void>} child.prepare resolves with a port, if it opened one
 * @param {() => void | Promise<void>} child.start
 * @param {(isEnd: boolean) => ClientSample | TrackerSample} child.sample
 * @param {(task: unknown) => Promise<unknown>} [child.ask]
 * @param {() => void | Promise<void>} child.stop
 */
export function serveChild(child) {
  process.on('disconnect', () => process.exit(0))
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  process.on('message', (/** @type {ToChild} */ message) => void receive(message).catch(fail))

  /** @param {ToChild} message */
  async function receive(message) {
    switch (message.type) {
      case 'prepare': {
        const port = await child.prepare(message.options)
        return tell({ type: 'ready', at: now(), ...(port ? { port } : {}) })
      }
      case 'start':
        tell({ type: 'started', at: now() })
        return child.start()
      case 'sample':
        return tell({ type: 'sample', number: message.number, sample: child.sample(message.isEnd) })
      case 'ask':
        return tell({ type: 'told', number: message.number, answer: await child.ask?.(message.task) })
      case 'stop':
        setTimeout(() => process.exit(0), STOP_TIMEOUT)
        await child.stop()
        process.exit(0)
    }
  }
}

/** Throws the error outside of any promise, which ends the process. @param {unknown} error */
function fail(error) {
  tell({ type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  setImmediate(() => process.exit(1))
}
