// @ts-check
/** The order in which systems are measured. Knows nothing of what is measured. */

/**
 * Measures each line once, then each again, every second time in reverse order, so that other load on the machine affects all of them.
 * @template {{ turns: number }} Line
 * @param {Line[]} lines each with its number of runs
 * @param {(line: Line, turn: number) => Promise<void>} measure
 */
export async function takeTurns(lines, measure) {
  const most = Math.max(0, ...lines.map(({ turns }) => turns))
  for (let turn = 1; turn <= most; turn++) {
    const due = lines.filter(({ turns }) => turn <= turns)
    for (const line of turn % 2 === 1 ? due : due.toReversed()) await measure(line, turn)
  }
}
