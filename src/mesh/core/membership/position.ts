/** The ring of ids: the position of an id, and distances. Pure arithmetic. */
import type { Id } from '../../../core/id.js'

/** Positions are the first 48 bits of an id, which a number holds exactly. */
export const RING = 2 ** 48

export function positionOf(id: Id): number {
  return Number.parseInt(id.slice(0, 12), 16)
}

/** The way from one position to another with rising ids. */
export function clockwise(from: number, to: number): number {
  return to >= from ? to - from : to - from + RING
}

/** The shorter way round. */
export function ringDistance(a: number, b: number): number {
  const way = Math.abs(a - b)
  return way <= RING / 2 ? way : RING - way
}

/** A position at a distance that is as likely to be near as far, in logarithms: routes over such edges are short. */
export function harmonicPosition(from: number, nearest: number, random: () => number): number {
  const least = Math.log(Math.max(1, nearest))
  const distance = Math.exp(least + random() * (Math.log(RING / 2) - least))
  return (from + (random() < 0.5 ? distance : RING - distance)) % RING
}
