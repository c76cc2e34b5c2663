// The page in a real browser: what a driver sees and does on a phone.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAGE, PAGE_POLICY } from '../../../../agent/keeper/local/page.ts'
import { startLocal } from '../../../../agent/keeper/local/server.ts'
import { systemClock } from '../../../../shared/io/system-clock.ts'
import { message } from '../../../../shared/message.ts'
import { epochMs, milliAmps } from '../../../../shared/units.ts'
import { keptLog, until } from '../../../shared/io/link-bench.ts'
import { CONFIG, CONTROL, type MemoryBox, memoryBox, NOON, SESSION } from '../port-doubles.ts'

const CHROMIUM = '/usr/bin/chromium'
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe('the page', () => {
  it('is smaller than 40 kB and asks nothing of anywhere else', () => {
    expect(Buffer.byteLength(PAGE)).toBeLessThan(40_000)
    expect(PAGE.match(/(src|href)="[^"]*"/g)).toEqual(['href="data:,"'])
    expect(PAGE_POLICY).toContain("default-src 'none'")
    expect(PAGE_POLICY).not.toContain('unsafe')
  })
})

describe.skipIf(!existsSync(CHROMIUM))('the page in a browser (needs Chromium)', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  })
  afterAll(async () => {
    await browser.close()
  })

  async function opened(
    parts: { box: MemoryBox; locale?: string; dark?: boolean; pin?: string },
    test: (page: Page) => Promise<void>,
  ) {
    const config = { ...CONFIG, local: { host: '127.0.0.1', port: 0, pin: parts.pin ?? null } }
    const handle = await startLocal({ config, box: parts.box, clock: systemClock(), log: keptLog() })
    const context = await browser.newContext({
      viewport: { width: 360, height: 740 },
      locale: parts.locale ?? 'en-GB',
      colorScheme: parts.dark ? 'dark' : 'light',
      bypassCSP: false,
    })
    const troubles: string[] = []
    try {
      const page = await context.newPage()
      page.on('pageerror', (error) => troubles.push(error.message))
      page.on('console', (line) => {
        if (line.type() === 'error' && !line.text().includes('401')) troubles.push(line.text())
      })
      await page.goto(handle.url() ?? '')
      await test(page)
      expect(troubles).toEqual([])
    } finally {
      await context.close()
      await handle.stop()
    }
  }

  const waiting = () =>
    memoryBox({
      control: { ...CONTROL, plugId: 'p', pilot: 'B', chargingState: 'suspendedEvse' },
      session: SESSION,
      limit: {
        currentMilliamps: milliAmps(0),
        reason: message('limit.schedule'),
        until: epochMs(NOON + 10 * 3_600_000),
      },
      schedule: {
        version: 3,
        timeZone: 'Europe/Copenhagen',
        windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '23:00', to: '06:00' }],
        outsideMilliamps: milliAmps(0),
      },
    })

  it('says what the box does, why, and until when, in the zone of the box', async () => {
    await opened({ box: waiting() }, async (page) => {
      await page.getByText('Waiting', { exact: true }).waitFor()
      expect(await page.locator('#amps').innerText()).toBe('Paused')
      expect(await page.locator('#reason').innerText()).toBe(
        'The schedule holds charging back now. (until 23:00)',
      )
      expect(await page.locator('#energy').innerText()).toBe('0.456\u00a0kWh')
      expect(await page.locator('#windows li').innerText()).toBe('every day 23:00–06:00')
    })
  })

  it('offers only what can be done now', async () => {
    const box = memoryBox()
    await opened({ box }, async (page) => {
      const charge = page.getByRole('button', { name: 'Charge now' })
      const stop = page.getByRole('button', { name: 'Stop charging' })
      const set = page.getByRole('button', { name: 'Set', exact: true })
      const lift = page.getByRole('button', { name: 'Lift' })
      const seen = async () => [
        await charge.isVisible(),
        await stop.isVisible(),
        await set.isVisible(),
        await lift.isVisible(),
      ]
      await page.getByText('Ready', { exact: true }).waitFor()
      expect(await seen()).toEqual([false, false, false, false])
      expect(await page.locator('#orders').isVisible()).toBe(false)
      const control = { ...CONTROL, plugId: 'p', pilot: 'B', chargingState: 'charging' } as const
      box.change({ control, session: SESSION })
      await stop.waitFor()
      expect(await seen()).toEqual([false, true, true, false])
      box.change({ userLimitMilliamps: milliAmps(8000) })
      await lift.waitFor()
      expect(await page.getByLabel('My limit, A').inputValue()).toBe('8')
      const limit = { currentMilliamps: milliAmps(0), reason: message('limit.schedule'), until: null }
      box.change({ limit })
      await charge.waitFor()
      const hours = await page.getByLabel('How long').locator('option').allInnerTexts()
      expect(hours.slice(0, 3)).toEqual(['until full or unplugged', '1 hour', '2 hours'])
      box.change({ limit: { ...limit, reason: message('wait.stopped') } })
      await page.getByText('Stopped; unplug and plug in again to charge.').waitFor()
      expect(await page.locator('#amps').innerText()).toBe('Allowed 0\u00a0A')
      expect(await seen()).toEqual([false, false, true, true])
    })
  })

  it('shows the meter’s values only while they are fresh, else their age', async () => {
    const box = memoryBox({ meterAgeMs: 5000 })
    await opened({ box }, async (page) => {
      await page.locator('#power', { hasText: '0.00\u00a0kW' }).waitFor()
      box.change({ meterAgeMs: 12_300 })
      await page.locator('#power', { hasText: '– (last read 12\u00a0s ago)' }).waitFor()
      expect(await page.locator('#currents').innerText()).toBe('–')
      box.change({ meterAgeMs: 200_000 })
      await page.locator('#power', { hasText: '– (last read 3\u00a0min ago)' }).waitFor()
    })
  })

  it('says when the controller does not answer, and when it was never heard', async () => {
    const nothing = { control: null, meterAgeMs: null }
    const limit = { currentMilliamps: milliAmps(0), reason: message('wait.starting'), until: null }
    const box = memoryBox({ ...nothing, limit })
    await opened({ box }, async (page) => {
      await page.getByText('The box is starting.').waitFor()
      expect(await page.locator('#word').innerText()).toBe('Starting')
      box.change({ limit: { ...limit, reason: message('wait.controlLost') } })
      await page.getByText('The controller does not answer; the current ends by itself within 2 s.').waitFor()
      expect(await page.locator('#word').innerText()).toBe('No answer')
      expect(await page.locator('#amps').innerText()).toBe('Allowed 0\u00a0A')
    })
  })

  it('says quietly that the server is away and how much waits, and nothing where there is none', async () => {
    const box = memoryBox({ csms: 'none' })
    await opened({ box }, async (page) => {
      await page.getByText('Ready', { exact: true }).waitFor()
      const away = page.locator('#away')
      expect(await away.isVisible()).toBe(false)
      const words = 'Server not reachable; the charge is kept here and told later.'
      box.change({ csms: 'disconnected' })
      await page.getByText(words, { exact: true }).waitFor()
      box.change({ outbox: { pending: 3, parked: 0, oldestAgeMs: 1000 } })
      await page.getByText(`${words} Messages waiting: 3.`, { exact: true }).waitFor()
      box.change({ csms: 'accepted' })
      await away.waitFor({ state: 'hidden' })
    })
  })

  it('says before commissioning that a limit is not raised again from here', async () => {
    await opened({ box: memoryBox() }, async (page) => {
      await page.getByText('Commission', { exact: true }).first().click()
      await page.getByText('From here a limit can be lowered, but not raised again').waitFor()
    })
  })

  it('overrides with one press of a key, shows it live, and ends it', async () => {
    const box = waiting()
    await opened({ box }, async (page) => {
      await page.getByText('Waiting', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Charge now' }).focus()
      await page.keyboard.press('Enter')
      await page.getByText('The schedule is overridden, until full or unplugged.').waitFor()
      await page.getByRole('button', { name: 'Follow the schedule again' }).click()
      await page.getByRole('button', { name: 'Charge now' }).waitFor()
      expect(box.orders).toEqual([
        ['override', { by: 'localPage', until: null }],
        ['endOverride', null],
      ])
      box.change({ control: { ...CONTROL, chargingState: 'charging' } })
      await page.getByText('Charging', { exact: true }).waitFor()
    })
  })

  it('asks for the PIN where there is one, and tells a refusal in words', async () => {
    const box = waiting()
    await opened({ box, pin: '4711' }, async (page) => {
      await page.getByText('Waiting', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Charge now' }).click()
      await page.getByText('This box takes orders with its PIN only. Enter the PIN of the box.').waitFor()
      await page.getByLabel('PIN of the box').fill('4711')
      await page.getByLabel('My limit, A').fill('13')
      await page.getByRole('button', { name: 'Set' }).click()
      await page.getByText('Done.').waitFor()
      expect(box.orders).toEqual([['setUserLimit', 13_000]])
    })
  })

  it('speaks Danish and German where the browser does', async () => {
    await opened({ box: waiting(), locale: 'da-DK' }, async (page) => {
      await page.getByRole('button', { name: 'Lad nu' }).waitFor()
      await page.getByText('Tidsplanen holder opladningen tilbage nu.').waitFor()
      expect(await page.locator('html').getAttribute('lang')).toBe('da')
    })
    await opened({ box: waiting(), locale: 'de-DE' }, async (page) => {
      await page.getByRole('button', { name: 'Jetzt laden' }).waitFor()
      expect(await page.locator('#energy').innerText()).toBe('0,456\u00a0kWh')
    })
  })

  it('shows the diagnosis', async () => {
    const box = waiting()
    await opened({ box }, async (page) => {
      await page.getByText('Diagnosis').click()
      await page.getByText('phoenix-ev-cc-ac1-m3-rtu').waitFor()
      expect(await page.locator('#devices tr').innerText()).toContain('2 / 1000')
      expect(await page.locator('#facts').innerText()).toContain('123.456\u00a0kWh (SDM-1)')
    })
  })

  it.each([
    ['light', false],
    ['dark', true],
  ] as const)('can be used by everybody, %s, on a narrow phone', async (_name, dark) => {
    const box = waiting()
    box.change({ faults: ['METER_LOST'] })
    await opened({ box, dark, pin: '4711' }, async (page) => {
      await page.getByText('Waiting', { exact: true }).waitFor()
      await page.getByText('Diagnosis').click()
      await page.getByText('Commission').first().click()
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect(width).toBeLessThanOrEqual(360)
      const found = await axe(page)
      expect(found).toEqual([])
    })
  })

  it('says when the box cannot be reached any more', async () => {
    const box = waiting()
    const config = { ...CONFIG, local: { host: '127.0.0.1', port: 0, pin: null } }
    const handle = await startLocal({ config, box, clock: systemClock(), log: keptLog() })
    const page = await browser.newPage()
    await page.goto(handle.url() ?? '')
    await page.getByText('Waiting', { exact: true }).waitFor()
    await handle.stop()
    await page.getByText('The box cannot be reached. Values may be old.').waitFor()
    await page.close()
    await until('closed', () => page.isClosed())
  })
})

/** Violations of WCAG 2.2 AA, as axe names them. The library is put in as the test's own, beside the page's policy. */
async function axe(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page)
  const run = async (expression: string) => {
    const answer = await session.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.text)
    return answer.result.value
  }
  await run(AXE)
  const tags = JSON.stringify(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
  return run(
    `axe.run(document, { runOnly: ${tags} }).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))`,
  )
}
