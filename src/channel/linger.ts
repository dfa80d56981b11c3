/** What was sent before `close()` leaves, as long as any of it does. */
import { sleep, type Env } from '../core/env.js'

/** How long nothing may leave before nobody waits for it any more. */
const PATIENCE = 2_000
const POLL = 20

/** Resolves when nothing waits any more, or when it does not become less. */
export async function linger(env: Env, waiting: () => number): Promise<void> {
  let least = waiting()
  let deadline = env.now() + PATIENCE
  while (least > 0 && env.now() < deadline) {
    await sleep(env, POLL)
    const left = waiting()
    if (left < least) deadline = env.now() + PATIENCE
    least = Math.min(least, left)
  }
}
