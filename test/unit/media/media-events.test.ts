import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { MediaEvents } from '../../../src/media/media-events.js'
import { expectReports } from '../../support/report.js'

interface Events {
  ring: { id: string }
  stop: { id: string }
}

class Bell extends MediaEvents<Events> {
  readonly changes: string[] = []
  ring(id = 'x'): void {
    this.fire('ring', { id })
  }
  heard(name: keyof Events): boolean {
    return this.isHeard(name)
  }
  protected override listenersChanged(name: keyof Events): void {
    this.changes.push(name)
  }
}

describe('MediaEvents', () => {
  test('is an EventTarget whose events carry their detail, for functions and objects [B7] [B10]', () => {
    const bell = new Bell()
    const heard: unknown[] = []
    const object = {
      name: 'object',
      handleEvent(event: CustomEvent<{ id: string }>) {
        heard.push(this.name, event.detail)
      },
    }
    function listener(this: unknown, event: CustomEvent<{ id: string }>) {
      heard.push(this === bell, event.type, event instanceof CustomEvent, event.detail)
    }
    bell.addEventListener('ring', listener)
    bell.addEventListener('ring', object)
    bell.ring()
    expect(bell).toBeInstanceOf(EventTarget)
    expect(heard).toEqual([true, 'ring', true, { id: 'x' }, 'object', { id: 'x' }])
  })

  test('calls a listener that was added twice once, one with `once` once, and one that was removed not at all [B7]', () => {
    const bell = new Bell()
    const heard: string[] = []
    const twice = () => heard.push('twice')
    const gone = () => heard.push('gone')
    bell.addEventListener('ring', twice)
    bell.addEventListener('ring', twice)
    bell.addEventListener('ring', () => heard.push('once'), { once: true })
    bell.addEventListener('ring', gone)
    bell.removeEventListener('ring', gone)
    bell.ring()
    bell.ring()
    expect(heard).toEqual(['twice', 'once', 'twice'])
  })

  test('removes a listener from one event, and keeps it for another [B7]', () => {
    const bell = new Bell()
    let calls = 0
    const listener = () => calls++
    bell.addEventListener('ring', listener)
    bell.addEventListener('stop', listener)
    bell.removeEventListener('stop', listener)
    bell.ring()
    expect(calls).toBe(1)
    expect([bell.heard('ring'), bell.heard('stop')]).toEqual([true, false])
    bell.removeEventListener('ring', listener)
    bell.removeEventListener('ring', listener)
    expect(bell.heard('ring')).toBe(false)
    expect(bell.changes).toEqual(['ring', 'stop', 'stop', 'ring', 'ring'])
  })

  test('ignores null as an EventTarget does, and refuses other values by name [B7]', () => {
    const bell = new Bell()
    bell.addEventListener('ring', null)
    bell.removeEventListener('ring', null)
    const unknown = () => {}
    bell.removeEventListener('ring', unknown)
    for (const wrong of [5, 'x', {}, undefined])
      expect(() => bell.addEventListener('ring', wrong as never)).toThrow(
        /the listener for 'ring' must be a function or an object with handleEvent/,
      )
    bell.ring()
    expect(bell.heard('ring')).toBe(false)
  })

  test('reports what a listener throws or rejects with, and goes on with the others [Law 11]', async ({ onTestFinished }) => {
    const reports = expectReports(onTestFinished)
    const bell = new Bell()
    const heard: string[] = []
    bell.addEventListener('ring', () => {
      throw new Error('first')
    })
    bell.addEventListener('ring', async () => {
      throw new Error('second')
    })
    bell.addEventListener('ring', {
      handleEvent: () => Promise.reject(new Error('third')),
    })
    bell.addEventListener('ring', () => heard.push('fourth'))
    bell.ring()
    await nextTurn()
    expect(heard).toEqual(['fourth'])
    expect(reports.map(({ code, message }) => `${code} ${message}`)).toEqual([
      "ERR_CALLBACK a listener for 'ring' failed: first",
      "ERR_CALLBACK a listener for 'ring' failed: second",
      "ERR_CALLBACK a listener for 'ring' failed: third",
    ])
  })

  test('takes an AbortSignal and the event is not heard after an abort [B7]', () => {
    const bell = new Bell()
    const abort = new AbortController()
    let calls = 0
    bell.addEventListener('ring', () => calls++, { signal: abort.signal })
    bell.ring()
    abort.abort()
    bell.ring()
    expect(calls).toBe(1)
  })
})
