/** The laboratory itself: it leaves nothing behind, however it ends. */
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { NatLab, requireNatLab } from '../support/nat/nat-lab.js'

const { missing } = await requireNatLab()
const run = promisify(execFile)
const LAB = fileURLToPath(new URL('../support/nat/nat-lab.ts', import.meta.url))

async function namespaces(pid: number | undefined): Promise<string[]> {
  const { stdout } = await run('ip', ['netns', 'list'])
  return stdout.split('\n').filter(line => line.startsWith(`swarmlink-nat-${pid}-`))
}

/** A process that makes one namespace named like a lab's, and ends at once when it is killed. */
async function owner(): Promise<{ pid: number | undefined; kill: () => Promise<void> }> {
  const make = `ip netns add swarmlink-nat-$$-$(sed 's/.*) //' /proc/$$/stat | cut -d' ' -f20)-1-host1 && echo made && exec sleep 60`
  const child = spawn('sh', ['-c', make], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise(resolve => child.stdout.once('data', resolve))
  const ended = new Promise(resolve => child.once('exit', resolve))
  return {
    pid: child.pid,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

describe.skipIf(missing !== undefined)('NatLab', () => {
  it('removes everything when it is closed, with every process in it [X9]', async () => {
    const lab = await NatLab.open()
    expect(await namespaces(process.pid)).toHaveLength(5)
    const { stdout } = await run('ip', ['netns', 'pids', lab.server])
    const [turnserver = ''] = stdout.trim().split('\n')
    expect(turnserver).toMatch(/^\d+$/)
    await lab.close()
    expect(await namespaces(process.pid)).toEqual([])
    await expect.poll(() => existsSync(`/proc/${turnserver}`)).toBe(false)
  })

  it('removes everything when its process is killed [X9]', async () => {
    const open = `const { runnerImport } = await import('vite')
      const { module } = await runnerImport(${JSON.stringify(LAB)})
      await module.NatLab.open()
      console.log('open')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', open], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise(resolve => child.stdout.once('data', resolve))
    expect(await namespaces(child.pid)).toHaveLength(5)
    child.kill('SIGKILL')
    await expect.poll(() => namespaces(child.pid), { timeout: 10_000 }).toEqual([])
  })

  it('removes what a run without living processes left behind, and nothing of a living run [X9]', async () => {
    const [dead, alive] = [await owner(), await owner()]
    try {
      await dead.kill()
      expect(await namespaces(dead.pid)).toHaveLength(1)
      await requireNatLab()
      expect(await namespaces(dead.pid)).toEqual([])
      expect(await namespaces(alive.pid)).toHaveLength(1)
    } finally {
      await alive.kill()
      await requireNatLab()
    }
    expect(await namespaces(alive.pid)).toEqual([])
  })
})
