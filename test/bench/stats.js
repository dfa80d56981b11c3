// @ts-check
/** Formats numbers: medians, and figures beside their goals. Knows nothing of what was measured. */

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

/** The nearest-rank percentile, which is always a measured value. @param {number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

/** @param {number[]} values */
export function worst(values) {
  return percentile(values, 1)
}

/** @param {number[]} values */
export function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}

/** @param {number} value */
export function ms(value) {
  return Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : '–'
}

/** @param {number} value @param {number} [digits] */
export function number(value, digits = 0) {
  return Number.isFinite(value) ? value.toFixed(digits) : '–'
}

/**
 * A figure and its goal. A missed goal does not fail a run, because machines differ.
 * @param {string} figure
 * @param {number} value
 * @param {'≤' | '≥'} relation
 * @param {number} goal
 * @param {string} goalText
 */
export function beside(figure, value, relation, goal, goalText) {
  const met = relation === '≤' ? value <= goal : value >= goal
  return `${figure} (${met ? 'met' : 'missed'}: ${relation} ${goalText})`
}

/** More would overlap. */
const MAX_TICKS = 9

/**
 * A logarithmic axis around these values: 1, 2 and 5 times the powers of ten, or the powers alone where these are many.
 * @param {number[]} values
 */
export function axis(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const steps = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const step of [1, 2, 5]) steps.push(step * 10 ** power)
  const least = steps.findLast(step => step <= low) ?? low
  const most = steps.find(step => step >= high && step > least) ?? high * 2
  const ticks = steps.filter(step => step >= least && step <= most)
  return { least, most, ticks: ticks.length > MAX_TICKS ? ticks.filter(tick => Number.isInteger(Math.log10(tick))) : ticks }
}
