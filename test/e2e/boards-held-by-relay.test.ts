// Boards that a relay of ours holds, by their release input or by their supply.
import { test } from 'vitest'
import { boardStory } from './board-story.ts'

test('phoenix-ev-cc-ac1-m3-rtu', { timeout: 60_000 }, () => boardStory('phoenix-ev-cc-ac1-m3-rtu'))

test('evracing-evse-din', { timeout: 60_000 }, () => boardStory('evracing-evse-din'))
