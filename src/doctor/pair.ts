/** Two connections of one engine in one process, connected to each other. Knows nothing of what is tried over them. */
import { withDeadline, type Env } from '../core/env.js'
import type { Engine, EngineChannel, EngineConnection } from '../engine/engine.js'
import { Trouble } from './finding.js'

export interface PairOptions {
  env: Env
  /** Until `use` is done, in milliseconds. */
  timeout: number
  rtcConfig: RTCConfiguration
  /** Looks at the descriptions, offer and answer, with all candidates in them; what it throws is what went wrong. */
  gathered: (description: string) => void
  /** What to say at the end of the deadline. */
  late: () => Error
}

/** Connects them, lets them be used, and closes them, whatever comes. */
export async function withPair<T>(
  engine: Engine,
  { env, timeout, rtcConfig, gathered, late }: PairOptions,
  use: (here: EngineChannel, there: EngineChannel) => Promise<T> | T,
): Promise<T> {
  const config = { env, rtcConfig, gatherTimeout: timeout }
  const offerer = engine.createConnection(config)
  const answerer = engine.createConnection(config)
  try {
    const connected = connect(offerer, answerer, gathered)
    return await withDeadline(
      env,
      connected.then(([here, there]) => use(here, there)),
      timeout,
      late,
    )
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
    const look = (state: string) => {
      if (state === 'failed') reject(new Trouble('the two ends do not reach each other', 'Look at the firewall of this machine'))
    }
    for (const connection of [offerer, answerer]) connection.on('state', look)
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
