import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Emitter } from '../../../src/core/emitter.js'
import { expectReports } from '../../support/report.js'

interface Events {
  word: [text: string, count: number]
  end: []
}

class Speaker extends Emitter<Events> {
  say(text: string, count = 1): boolean {
    return this.emit('word', text, count)
  }
  end(): void {
    this.emit('end')
    this.removeAllListeners()
  }
}

describe('Emitter', () => {
  test('calls listeners with the arguments, in the order in which they were added [A4]', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    expect(speaker.say('unheard')).toBe(false)
    expect(
      speaker.on('word', (text, count) => heard.push(`a ${text} ${count}`)).once('word', text => heard.push(`b ${text}`)),
    ).toBe(speaker)
    expect(speaker.say('x', 2)).toBe(true)
    speaker.say('y')
    expect(heard).toEqual(['a x 2', 'b x', 'a y 1'])
  })

  test.each(['on', 'once'] as const)('%s() throws if the listener is not a function, and names the event [A4]', method => {
    const speaker = new Speaker()
    for (const [listener, what] of [
      [5, '5'],
      [undefined, 'undefined'],
      [{}, 'an object'],
    ] as const) {
      const adding = () => speaker[method]('word', listener as never)
      expect(adding).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
      expect(adding).toThrow(`got ${what}: the listener for 'word' must be a function`)
    }
    expect(speaker.listenerCount()).toBe(0)
  })

  test('off() removes one listener of on() or once(), and no other [A4]', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    const first = () => heard.push('first')
    const second = () => heard.push('second')
    speaker.on('word', first).on('word', second).once('end', first)
    expect([speaker.listenerCount(), speaker.listenerCount('word'), speaker.listenerCount('end')]).toEqual([3, 2, 1])
    speaker.off('word', first).off('end', first).off('end', second)
    speaker.say('x')
    expect(heard).toEqual(['second'])
    expect(speaker.listenerCount()).toBe(1)
  })

  test('keeps the on() listener when the same function is also a once() listener [A4]', () => {
    const speaker = new Speaker()
    let calls = 0
    const listener = () => calls++
    speaker.on('word', listener).once('word', listener)
    speaker.say('x')
    speaker.say('y')
    expect(calls).toBe(3)
  })

  test('calls a once() listener once, even if an earlier listener emits the event again [A4]', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    speaker.once('word', () => speaker.say('inner'))
    speaker.once('word', text => heard.push(text))
    speaker.say('outer')
    expect(heard).toEqual(['inner'])
  })

  test('during an event, does not call listeners that are added and still calls listeners that are removed [A4]', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    const removed = () => heard.push('removed')
    speaker.on('word', () => {
      speaker.off('word', removed)
      speaker.on('word', () => heard.push('added'))
    })
    speaker.on('word', removed)
    speaker.say('x')
    expect(heard).toEqual(['removed'])
    speaker.say('y')
    expect(heard).toEqual(['removed', 'added'])
    speaker.end()
    expect([speaker.listenerCount(), speaker.say('z')]).toEqual([0, false])
  })

  test('reports a listener that throws or rejects as ERR_CALLBACK, and calls the other listeners [A4]', async ({
    onTestFinished,
  }) => {
    const reported = expectReports(onTestFinished)
    const speaker = new Speaker()
    const heard: string[] = []
    const mistakes = [new Error('it throws'), new Error('it rejects')] as const
    speaker.on('word', () => {
      throw mistakes[0]
    })
    speaker.on('word', () => Promise.reject(mistakes[1]) as never)
    speaker.on('word', text => heard.push(text))
    expect(speaker.say('x')).toBe(true)
    expect(heard).toEqual(['x'])
    await nextTurn() // an unhandled rejection is reported before
    expect(reported.map(({ code, message, cause }) => ({ code, message, cause }))).toEqual([
      { code: 'ERR_CALLBACK', message: "a listener for 'word' failed: it throws", cause: mistakes[0] },
      { code: 'ERR_CALLBACK', message: "a listener for 'word' failed: it rejects", cause: mistakes[1] },
    ])
  })

  test('does not report a rejection of a class derived from Promise [E1]', async ({ onTestFinished }) => {
    const reported = expectReports(onTestFinished)
    class Quiet extends Promise<never> {}
    const speaker = new Speaker()
    const answer = Quiet.reject(new Error('no answer came'))
    answer.catch(() => {})
    speaker.on('word', () => answer as never)
    speaker.say('x')
    await nextTurn()
    expect(reported).toEqual([])
  })
})
