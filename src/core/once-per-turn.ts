/** Batches work: all calls of the returned function in one turn of the event loop cause one `run`, at the end of the turn. */
export function oncePerTurn(run: () => void): () => void {
  let isDue = false
  return () => {
    if (isDue) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      run()
    })
  }
}
