// Writes what the two processes are told: control.json and keeper.json in the state folder, readable by their owner
// alone, whole or not at all, and only where they differ from what is there.
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { err, ok, type Result } from '../../shared/result.ts'
import { type AgentConfig, parseConfig } from './config.ts'
import { problemsInWords } from './config-text.ts'

export interface PrepareOptions {
  readonly configFile: string
  readonly firmwareVersion: string
  readonly runDir: string | null
  readonly bootId: string | null
  readonly wallOffsetMs: number
}

export interface PreparedFiles {
  readonly control: string
  readonly keeper: string
}

/** Reads and checks agent.yaml; the error is the whole text for a person. */
export async function readConfig(
  options: PrepareOptions,
  /** What to do where the file is not there. */
  naming = 'name it with --config',
): Promise<Result<AgentConfig, string>> {
  const text = await readFile(options.configFile, 'utf8').then(ok, (error: NodeJS.ErrnoException) =>
    err(error),
  )
  if (!text.ok) {
    return err(
      `${options.configFile}\n` +
        '  expected  a configuration file that can be read\n' +
        `  got       ${text.error.code === 'ENOENT' ? 'no such file' : text.error.message}\n` +
        `  do        ${naming}; docs/operate/agent.example.yaml is one to begin with\n` +
        'nothing was started',
    )
  }
  const parsed = parseConfig(options.configFile, text.value, { ...options, defaultRunDir })
  return parsed.ok ? parsed : err(problemsInWords(parsed.error))
}

/** Makes the folders and writes both files; the error is the whole text for a person. */
export async function writePrepared(config: AgentConfig): Promise<Result<PreparedFiles, string>> {
  const { stateDir, runDir } = config.keeper
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    await mkdir(runDir, { recursive: true, mode: 0o700 })
    await mustBeOurs(runDir)
    return ok({
      control: await writeIfDifferent(join(stateDir, 'control.json'), config.control),
      keeper: await writeIfDifferent(join(stateDir, 'keeper.json'), config.keeper),
    })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return err(
      `stateDir ${stateDir}, runDir ${runDir}\n` +
        '  expected  two folders that this user owns and may write\n' +
        `  got       ${error.message}\n` +
        '  do        correct their owner, or name others in the configuration\n' +
        'nothing was started',
    )
  }
}

/** /run/voltkeep for root; else a folder of this user's own, the same at each start so that the mirror is found again. */
function defaultRunDir(stationId: string): string {
  if (process.getuid?.() === 0) return '/run/voltkeep'
  const own = process.env['XDG_RUNTIME_DIR']
  return own ? join(own, 'voltkeep', stationId) : join(tmpdir(), `voltkeep-${userInfo().uid}-${stationId}`)
}

/** Whoever else could write here could feed control a permission. */
async function mustBeOurs(folder: string): Promise<void> {
  const uid = process.getuid?.()
  const found = await stat(folder)
  if (uid === undefined || uid === found.uid || uid === 0) return
  throw new Error(`${folder} belongs to user ${found.uid}, not to ${uid}`)
}

async function writeIfDifferent(path: string, value: unknown): Promise<string> {
  const text = `${JSON.stringify(value, null, 2)}\n`
  const present = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (present === text) {
    await chmod(path, 0o600)
    return path
  }
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
  return path
}
