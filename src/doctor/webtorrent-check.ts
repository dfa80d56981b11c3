/** Checks that a program in the folder can import WebTorrent. Optional: rooms and channels work without it. */
import type { Context, Outcome } from './finding.js'
import { satisfies } from './versions.js'

/** Minimum timeout in milliseconds: the import needs disk and CPU, so that --timeout may be too short. */
const MIN_TIMEOUT = 20_000

export async function checkWebTorrent({ webtorrent: { needed, folder, tryImport }, timeout }: Context): Promise<Outcome> {
  const trial = await tryImport('webtorrent', folder, Math.max(timeout, MIN_TIMEOUT))
  const facts = { needed, folder }
  switch (trial.outcome) {
    case 'missing':
      return {
        verdict: 'limited',
        says: `not found by a program in ${folder}`,
        advice: 'Torrents need it: add webtorrent to the dependencies of the application. Rooms and channels work without it',
        facts,
      }
    case 'broken':
      return {
        verdict: 'fails',
        says: `it is there, but a program in ${folder} cannot import it (${trial.reason})`,
        advice: 'Add the overrides that the README of swarmlink has under Install, and install again',
        facts,
      }
    case 'imported': {
      const { version } = trial
      if (version === undefined || satisfies(version, needed))
        return { verdict: 'works', says: version ?? 'it can be imported', facts: { ...facts, version } }
      return {
        verdict: 'fails',
        says: `${version} is too old`,
        advice: `swarmlink needs ${needed}`,
        facts: { ...facts, version },
      }
    }
  }
}
