// A real browser for tests of pages: Debian's chromium (or $CHROMIUM), driven by playwright-core. Without one the tests
// are skipped, with the reason.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const require = createRequire(import.meta.url)

/** Path of the browser, or null. */
export function browserPath(): string | null {
  const named = process.env['CHROMIUM']
  if (named) return existsSync(named) ? named : null
  return PATHS.find((path) => existsSync(path)) ?? null
}

export const NO_BROWSER = 'no chromium: apt-get install chromium, or name one with $CHROMIUM'

/** Starts it with a profile of its own that is removed when it is closed. */
export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string
    readonly help: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
  }[]
  readonly passes: readonly unknown[]
}

/** What axe-core finds on the page as it is now, one line a finding; and how many rules it found to be kept. */
export async function accessibility(page: Page): Promise<{ findings: readonly string[]; kept: number }> {
  await page.addScriptTag({ path: require.resolve('axe-core/axe.min.js') })
  const result = await page.evaluate<AxeResult>('axe.run(document, { resultTypes: ["violations"] })')
  const findings = result.violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html} ${node.failureSummary ?? ''}`),
  )
  return { findings, kept: result.passes.length }
}

/** How far the page is wider than its window; a phone must not scroll sideways. */
export const overflowPx = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')
