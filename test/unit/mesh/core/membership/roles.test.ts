import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Neighbour } from '../../../../../src/mesh/core/neighbour.js'
import { clockwise, harmonicPosition, positionOf, RING, ringDistance } from '../../../../../src/mesh/core/membership/position.js'
import { improvesRing, ringSides, victim } from '../../../../../src/mesh/core/membership/roles.js'

const position = fc.nat(RING - 1)

describe('positions on the ring', () => {
  test('have distances that go round', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect((clockwise(a, b) + clockwise(b, a)) % RING).toBe(0)
        expect(ringDistance(a, b)).toBe(ringDistance(b, a))
        expect(ringDistance(a, b)).toBeLessThanOrEqual(RING / 2)
      }),
    )
  })

  test('are chosen at harmonic distances no nearer than the next node', () => {
    fc.assert(
      fc.property(
        position,
        fc.integer({ min: 1, max: RING / 4 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (from, nearest, chance) => {
          const chosen = harmonicPosition(from, nearest, () => chance)
          expect(ringDistance(from, chosen)).toBeGreaterThanOrEqual(nearest * 0.999)
        },
      ),
    )
  })
})

describe('ring sides', () => {
  test('are the nearest node on each side, and only a nearer one improves them', () => {
    fc.assert(
      fc.property(position, fc.uniqueArray(position, { minLength: 2, maxLength: 10 }), position, (own, others, candidate) => {
        fc.pre(!others.includes(own) && candidate !== own && !others.includes(candidate))
        const nodes = others.map(other => ({ position: other }))
        const sides = ringSides(own, nodes)
        const ways = others.map(other => clockwise(own, other))
        expect(clockwise(own, sides.successor?.position ?? own)).toBe(Math.min(...ways))
        expect(clockwise(own, sides.predecessor?.position ?? own)).toBe(Math.max(...ways))
        const way = clockwise(own, candidate)
        expect(improvesRing(own, sides, candidate)).toBe(way < Math.min(...ways) || way > Math.max(...ways))
      }),
    )
  })
})

describe('the edge that is given up', () => {
  const idAt = (place: number) => place.toString(16).padStart(2, '0').padEnd(40, '0')
  const own = idAt(0)
  /** A neighbour whose own ring neighbours are other nodes. */
  const edgeTo = (place: number, role: 'random' | 'long' = 'random') => {
    const edge = new Neighbour(idAt(place), role, false, 0)
    edge.state = 'open'
    edge.maxPeers = 8
    edge.contacts = [idAt(place - 1), idAt(place + 1), own].map(id => ({ id, position: positionOf(id) }))
    return edge
  }
  const choose = (edges: Neighbour[]) => victim(own, positionOf(own), edges, () => true)

  test('is never a ring edge of either end [C5]', () => {
    const edges = [edgeTo(2), edgeTo(250), edgeTo(100), edgeTo(150)]
    const alone = edgeTo(120)
    alone.contacts = [own, idAt(119)].map(id => ({ id, position: positionOf(id) })) // this node is its successor
    expect(choose([...edges, alone])?.id).toMatch(/^(64|96)/)
  })

  test('is never the last random edge [C5]', () => {
    const edges = [edgeTo(2, 'long'), edgeTo(250, 'long'), edgeTo(100)]
    expect(choose(edges)).toBeUndefined()
  })

  test('is a silent one first', () => {
    const silent = edgeTo(2)
    silent.state = 'suspect'
    expect(choose([silent, edgeTo(250), edgeTo(100), edgeTo(150)])).toBe(silent)
  })
})
