/** Connects two connections of one engine in one process. Knows nothing of what the check does with them. */
import { withDeadline, type Env } from '../core/env.js'
import type { Engine, EngineChannel, EngineConnection } from '../engine/engine.js'
import { CheckFailure } from './finding.js'

export interface PairOptions {
  env: Env
  /** Timeout until `use` has finished, in milliseconds; each attempt has half of it. */
  timeout: number
  rtcConfig: RTCConfiguration
  /** Checks the offer and the answer, which contain all candidates; throws the failure of the check. */
  gathered: (description: string) => void
  late: () => Error
}

type Use<T> = (here: EngineChannel, there: EngineChannel) => Promise<T> | T

/** Connects a pair, and runs `use`. Retries once with a new pair, because an engine may lose a handshake, and swarmlink retries then too. */
export async function withPair<T>(engine: Engine, options: PairOptions, use: Use<T>): Promise<T> {
  const half = { ...options, timeout: options.timeout / 2 }
  return attempt(engine, half, use).catch(() => attempt(engine, half, use))
}

/** Always closes the pair. */
async function attempt<T>(engine: Engine, { env, timeout, rtcConfig, gathered, late }: PairOptions, use: Use<T>): Promise<T> {
  const config = { env, rtcConfig, gatherTimeout: timeout }
  const offerer = engine.createConnection(config)
  const answerer = engine.createConnection(config)
  try {
    const used = connect(offerer, answerer, gathered).then(([here, there]) => use(here, there))
    return await withDeadline(env, used, timeout, late)
  } finally {
    offerer.close()
    answerer.close()
  }
}

async function connect(
  offerer: EngineConnection,
  answerer: EngineConnection,
  gathered: (description: string) => void,
): Promise<[EngineChannel, EngineChannel]> {
  const here = offerer.createChannel('doctor')
  const there = new Promise<EngineChannel>(resolve => answerer.on('channel', resolve))
  const failed = new Promise<never>((_resolve, reject) => {
    const check = (state: string) => {
      if (state === 'failed')
        reject(new CheckFailure('the two ends do not reach each other', 'Check the firewall of this machine'))
    }
    for (const connection of [offerer, answerer]) connection.on('state', check)
  })
  const negotiate = async () => {
    const offer = await offerer.createOffer()
    gathered(offer)
    const answer = await answerer.createAnswer(offer)
    gathered(answer)
    await offerer.acceptAnswer(answer)
  }
  const opened = Promise.all([negotiate(), opening(here), there.then(opening)])
  await Promise.race([opened, failed])
  return [here, await there]
}

function opening(channel: EngineChannel): Promise<void> {
  return new Promise(resolve => {
    if (channel.state === 'open') resolve()
    else channel.on('open', () => resolve())
  })
}
