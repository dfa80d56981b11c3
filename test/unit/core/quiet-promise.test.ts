import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { QuietPromise } from '../../../src/core/quiet-promise.js'

const gone = new SwarmlinkError('ERR_CLOSED', 'this peer is gone')
const bug = new TypeError('a mistake of the application')

/** Unhandled rejections, which would end the process. */
let unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
beforeEach(() => {
  unhandled = []
  process.on('unhandledRejection', note)
})
afterEach(() => void process.off('unhandledRejection', note))

/** Node reports unhandled rejections after the microtasks of a turn. */
const turn = () => new Promise(resolve => setImmediate(() => setImmediate(resolve)))

/** Rejects at once, later, or because it was resolved with a promise that rejects. */
const ways: Array<[string, (reason: unknown) => QuietPromise<number>]> = [
  ['at once', reason => new QuietPromise((_resolve, reject) => reject(reason))],
  ['later', reason => new QuietPromise((_resolve, reject) => void setImmediate(() => reject(reason)))],
  ['by another promise', reason => new QuietPromise(resolve => resolve(Promise.reject(reason)))], // oxlint-disable-line typescript/prefer-promise-reject-errors -- the tests pass errors
]

/** How users of the published package use the promise, without a `catch`. */
const uses: Array<[string, (promise: QuietPromise<number>) => unknown]> = [
  ['nothing', promise => promise],
  ['then', promise => promise.then(() => {})],
  ['then twice', promise => [promise.then(() => {}), promise.then(() => {})]],
  ['then after then', promise => promise.then(() => {}).then(() => {})],
  ['finally', promise => promise.finally(() => {})],
  ['finally after then', promise => promise.then(() => {}).finally(() => {})],
  ['then after finally', promise => promise.finally(() => {}).then(() => {})],
  ['a catch that throws it again', promise => promise.catch(error => Promise.reject(error as Error))],
  ['a then that returns one', promise => promise.catch(() => 0).then(() => new QuietPromise((_resolve, reject) => reject(gone)))],
  [
    'a chain',
    promise =>
      promise
        .then(() => {})
        .then(() => {})
        .then(() => {})
        .finally(() => {})
        .then(() => {}),
  ],
]

describe('QuietPromise [E3]', () => {
  describe.each(ways)('that rejects %s', (_, reject) => {
    test.each(uses)('ends no process when its user writes %s [E3]', async (_name, use) => {
      use(reject(gone))
      await turn()
      expect(unhandled).toEqual([])
    })

    test('throws where it is awaited, raced, collected or caught [E3]', async () => {
      const awaited = async () => await reject(gone)
      await expect(awaited()).rejects.toBe(gone)
      await expect(Promise.all([reject(gone), Promise.resolve(1)])).rejects.toBe(gone)
      await expect(Promise.race([reject(gone), new Promise(() => {})])).rejects.toBe(gone)
      await expect(Promise.any([reject(gone), reject(gone)])).rejects.toHaveProperty('errors', [gone, gone])
      expect(await Promise.allSettled([reject(gone)])).toEqual([{ status: 'rejected', reason: gone }])
      expect(await reject(gone).catch((error: unknown) => error)).toBe(gone)
      const chained = reject(gone)
        .then(() => 'not reached')
        .finally(() => {})
      expect(await chained.catch((error: unknown) => error)).toBe(gone)
      await turn()
      expect(unhandled).toEqual([])
    })

    test('causes an unhandled rejection of an async function that awaits it without a catch [E3]', async () => {
      void (async () => await reject(gone))()
      await turn()
      expect(unhandled).toEqual([gone])
    })
  })

  test('resolves to its value in then, in await and through a chain [E3]', async () => {
    const promise = new QuietPromise<number>(resolve => resolve(1))
    expect(await promise).toBe(1)
    const steps: number[] = []
    const last = promise
      .then(value => (steps.push(value), value + 1))
      .finally(() => void steps.push(0))
      .then(async value => (steps.push(value), await Promise.resolve(value + 1)))
    expect(last).toBeInstanceOf(QuietPromise)
    expect([await last, steps]).toEqual([3, [1, 0, 2]])
    expect(await Promise.all([promise, last])).toEqual([1, 3])
  })

  test("keeps an application's own error in a step an unhandled rejection, unless it is caught in the same turn [E3]", async () => {
    const failing = () =>
      new QuietPromise<number>(resolve => resolve(1)).then(() => {
        throw bug
      })
    void failing()
    await turn()
    expect(unhandled).toEqual([bug])
    void failing().then(() => {})
    await turn()
    expect(unhandled).toEqual([bug, bug])
    failing().catch(() => {})
    const late = failing()
    await Promise.resolve().then(() => {})
    late.catch(() => {})
    await turn()
    expect(unhandled).toEqual([bug, bug])
  })

  test('reports a rejection without a catch once, also at the end of a chain [E3]', async () => {
    const passedOver: unknown[] = []
    const made = (reason: unknown) =>
      new QuietPromise<number>((_resolve, reject) => reject(reason)).whenIgnored(error => passedOver.push(error))
    void made(gone)
    await turn()
    expect(passedOver).toEqual([gone])
    void made(gone)
      .then(() => {})
      .finally(() => {})
    await turn()
    expect(passedOver).toEqual([gone, gone])
    await made(gone).catch(() => {})
    await expect(made(gone).then(() => {})).rejects.toBe(gone)
    await turn()
    expect(passedOver).toEqual([gone, gone])
  })
})
