import { describe, expect, test } from 'vitest'
import { TopicNames } from '../../../../src/swarm/session/topic-names.js'

const A = 'aa'.repeat(20)
const B = 'bb'.repeat(20)

/** Names that begin like their topics, and a list of those computed. */
function setUp() {
  const made: string[] = []
  const names = new TopicNames(topic => {
    made.push(topic)
    return topic.slice(0, 16)
  })
  return { names, made }
}

describe('TopicNames', () => {
  test('computes each name once, however often it is asked for [X1]', () => {
    const { names, made } = setUp()
    for (let i = 0; i < 3; i++) expect([names.of(A), names.of(B)]).toEqual([A.slice(0, 16), B.slice(0, 16)])
    for (let i = 0; i < 3; i++) expect([names.topic(A.slice(0, 16)), names.topic(B.slice(0, 16))]).toEqual([A, B])
    expect(made).toEqual([A, B])
  })

  test('knows no name before it was computed, nor after its topic is gone [X1]', () => {
    const { names, made } = setUp()
    expect(names.topic(A.slice(0, 16))).toBeUndefined()
    names.of(A)
    names.of(B)
    names.delete(A)
    names.delete(A)
    expect([names.topic(A.slice(0, 16)), names.topic(B.slice(0, 16))]).toEqual([undefined, B])
    names.of(A)
    expect([names.topic(A.slice(0, 16)), made]).toEqual([A, [A, B, A]])
  })
})
