import { describe, expect, test } from 'vitest'
import { Emitter } from '../../../src/core/emitter.js'

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

describe('Emitter: the typed, Node-style events behind on(), once() and off()', () => {
  test('A4 listeners hear the arguments in the order in which they were added', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    expect(speaker.say('nobody')).toBe(false)
    expect(
      speaker.on('word', (text, count) => heard.push(`a ${text} ${count}`)).once('word', text => heard.push(`b ${text}`)),
    ).toBe(speaker)
    expect(speaker.say('x', 2)).toBe(true)
    speaker.say('y')
    expect(heard).toEqual(['a x 2', 'b x', 'a y 1'])
  })

  test.each(['on', 'once'] as const)('A4 %s() refuses what is no function, at once and by its name', method => {
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

  test('A4 off() removes a listener, of once() too, and only that one', () => {
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

  test('A4 the same function on and once: once leaves the other in place', () => {
    const speaker = new Speaker()
    let calls = 0
    const listener = () => calls++
    speaker.on('word', listener).once('word', listener)
    speaker.say('x')
    speaker.say('y')
    expect(calls).toBe(3)
  })

  test('A4 a once listener hears one event, even when a listener before it emits the next', () => {
    const speaker = new Speaker()
    const heard: string[] = []
    speaker.once('word', () => speaker.say('inner'))
    speaker.once('word', text => heard.push(text))
    speaker.say('outer')
    expect(heard).toEqual(['inner'])
  })

  test('A4 an added listener does not hear the event that is under way, a removed one still does', () => {
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

  test('A4 a listener that throws is an uncaught exception of the application, and stops nobody', async () => {
    const speaker = new Speaker()
    const heard: string[] = []
    speaker.on('word', () => {
      throw new Error('a mistake of the application')
    })
    speaker.on('word', text => heard.push(text))
    const uncaught = new Promise(resolve => {
      const others = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', error => {
        for (const other of others) process.on('uncaughtException', other)
        resolve(error)
      })
    })
    expect(speaker.say('x')).toBe(true)
    expect(heard).toEqual(['x'])
    expect(await uncaught).toMatchObject({ message: 'a mistake of the application' })
  })
})
