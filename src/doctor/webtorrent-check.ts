/** Checks that a program in the folder can import WebTorrent. Optional: rooms and channels work without it. */
import type { Context, Outcome } from './finding.js'
import { commandToAdd, howToPin } from './place.js'
import { satisfies } from './versions.js'

/** Minimum timeout in milliseconds: the import needs disk and CPU, so that --timeout may be too short. */
const MIN_TIMEOUT = 20_000

/** The native module `utp-native` calls `uv_udp_init`, which Bun 1.4 and Deno 2.9 lack. */
const WITHOUT_UTP = ['Bun', 'Deno']

export async function checkWebTorrent({ webtorrent: { needed, folder, tryImport }, place, timeout }: Context): Promise<Outcome> {
  const trial = await tryImport('webtorrent', folder, Math.max(timeout, MIN_TIMEOUT))
  const facts = { needed, folder }
  const { runtime, manager } = place
  switch (trial.outcome) {
    case 'missing':
      return {
        verdict: 'limited',
        says: `not found by a program in ${folder}`,
        advice: `Torrents need it: first ${howToPin(place)}, then run ${commandToAdd(place, 'webtorrent')}. Rooms and channels work without it`,
        facts,
      }
    case 'broken':
      return {
        verdict: 'fails',
        says: `it is there, but a program in ${folder} cannot import it (${trial.reason})`,
        advice: `Check that the pins hold: ${howToPin(place)}, and install again with ${manager}`,
        facts,
      }
    case 'imported': {
      const { version } = trial
      if (version === undefined || satisfies(version, needed))
        return {
          verdict: 'works',
          says: version ?? 'it can be imported',
          ...(WITHOUT_UTP.includes(runtime) && {
            advice: `In ${runtime} hand it the option utp: false: its utp-native would abort the process`,
          }),
          facts: { ...facts, version },
        }
      return {
        verdict: 'fails',
        says: `${version} is too old`,
        advice: `swarmlink needs ${needed}`,
        facts: { ...facts, version },
      }
    }
  }
}
