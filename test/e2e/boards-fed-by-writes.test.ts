// Boards whose own watchdog only a write of ours feeds: a heartbeat by Modbus RTU, a time-out written again by Modbus TCP.
import { test } from 'vitest'
import { boardStory } from './board-story.ts'

test('mennekes-amtron-compact-2s', { timeout: 90_000 }, () => boardStory('mennekes-amtron-compact-2s'))

test('keba-p30', { timeout: 90_000 }, () => boardStory('keba-p30'))
