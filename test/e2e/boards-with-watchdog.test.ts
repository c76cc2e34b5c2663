// Boards whose own watchdog any request feeds: by Modbus RTU and ASCII.
import { test } from 'vitest'
import { boardStory } from './board-story.ts'

test('viridian-epc2-plus', { timeout: 60_000 }, () => boardStory('viridian-epc2-plus'))

test('heidelberg-energy-control', { timeout: 90_000 }, () => boardStory('heidelberg-energy-control'))

test('abl-emh1', { timeout: 60_000 }, () =>
  boardStory('abl-emh1', {
    // What a silence test finds: the time-out, and the derating before F4.
    keys: { upstreamTimeoutMs: 3000, derateMs: 2000 },
    silenceProvedMs: 5000,
  }),
)
